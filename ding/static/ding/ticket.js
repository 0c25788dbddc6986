// The button on the kitchen ticket.
document.getElementById("print").addEventListener("click", () => window.print());
