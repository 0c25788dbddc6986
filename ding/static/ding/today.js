// Renews the dashboard each minute: only while somebody looks at it, and not under their hands.
const MINUTE = 60_000;
let touched = 0;
for (const name of ["pointerdown", "keydown", "wheel", "touchmove"]) {
    addEventListener(name, () => { touched = Date.now(); }, { passive: true });
}
function renew() {
    const busy = Date.now() - touched < 10_000 || document.querySelector("input:focus, [aria-expanded=true]");
    if (document.visibilityState === "visible" && !busy) location.reload();
    else setTimeout(renew, 5_000);
}
setTimeout(renew, MINUTE);
