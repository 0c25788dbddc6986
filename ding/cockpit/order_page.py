"""An order's own page: its story on one timeline, and the buttons that make sense now.

Each button leads to a page that says what will happen and asks; only its POST acts, and it is written down.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from unfold.widgets import UnfoldAdminTextInputWidget, UnfoldBooleanSwitchWidget

from ding import audit
from ding.cockpit.kitchen import diagnose, standing_of
from ding.cockpit.timeline import Story, bill_of, status_tone, story_of
from ding.errors import DomainError
from ding.nudge import nudge
from notifications import services as telling
from notifications import tasks as telling_tasks
from notifications.models import Notification
from notifications.models import Status as MessageStatus
from orders.models import ChangeSource, Order
from orders.services.statuses import cancel_order
from orders.status import OrderStatus, can_move
from pos_integrations import outbound
from pos_integrations import tasks as pushing_tasks
from pos_integrations.models import PushKind


class ReasonForm(forms.Form):
    """Why an order is cancelled."""

    reason = forms.CharField(
        max_length=500,
        widget=UnfoldAdminTextInputWidget,
        help_text="The guest reads it, and so does the kitchen.",
    )


class NoteForm(forms.Form):
    """What was agreed on the phone."""

    note = forms.CharField(
        max_length=500,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="Whom you spoke to, what was agreed. Only staff read it.",
    )


class TwiceForm(forms.Form):
    """An explicit word."""

    twice_is_fine = forms.BooleanField(
        label="I called the restaurant: the kitchen does not have this order.",
        error_messages={"required": "Call the restaurant first. Without this the order is not sent again."},
        widget=UnfoldBooleanSwitchWidget,
    )


@dataclass(frozen=True, slots=True)
class Button:
    """Something that can be done now. `tone`: `primary`, `plain` or `danger`."""

    label: str
    icon: str
    tone: str
    url: str


class OrderPage:
    """The part of the orders' admin that shows one, and acts on it."""

    admin_site: Any
    opts: Any

    def get_urls(self) -> list[Any]:
        """The page's buttons and the kitchen's ticket."""
        pages = {
            "push-again": ("push_again", self.push_again_view),
            "handled": ("handled", self.handled_view),
            "cancel": ("cancel", self.cancel_view),
            "ticket": ("ticket", self.ticket_view),
            "tell-again/<int:message_id>": ("tell_again", self.tell_again_view),
        }
        own = [
            path(
                f"<int:order_id>/{address}/",
                self.admin_site.admin_view(view),
                name=f"orders_order_{name}",
            )
            for address, (name, view) in pages.items()
        ]
        return [*own, *super().get_urls()]  # type: ignore[misc]

    # --- looking ---

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The story. Nothing of an order is changed by a form."""
        order = self._order(request, object_id)
        if request.method not in ("GET", "HEAD"):
            raise PermissionDenied
        story = story_of(order)
        push = outbound.owed_by(order, story.pushes)
        may_act = self._may_act(request)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"Order {order.reference}",
            "original": order,
            "story": story,
            "order": order,
            "zone": order.restaurant.zone,
            "standing": standing_of(order, push),
            "status_tone": status_tone(order.status),
            "diagnosis": diagnose(order, story.pushes),
            "buttons": self._buttons(story) if may_act else [],
            "may_tell_again": may_act and request.user.has_perm("notifications.change_notification"),
            "may_see_integration": request.user.has_perm("pos_integrations.view_restaurantposintegration"),
            "integration": push.integration if push else None,
            "ticket_url": reverse("admin:orders_order_ticket", args=[order.pk]),
            "history_url": reverse("admin:orders_order_history", args=[order.pk]),
        }
        return TemplateResponse(request, "admin/ding/order.html", context)

    def ticket_view(self, request: HttpRequest, order_id: int) -> HttpResponse:
        """For the printer in the kitchen, on the night when the POS is down."""
        order = self._order(request, order_id)
        context = {
            "order": order,
            "lines": order.items.prefetch_related("addons").order_by("position"),
            "bill": bill_of(order),
            "zone": order.restaurant.zone,
            "back": self._page(order),
        }
        return TemplateResponse(request, "admin/ding/ticket.html", context)

    def _buttons(self, story: Story) -> list[Button]:
        order, push = story.order, outbound.owed_by(story.order, story.pushes)

        def url(name: str) -> str:
            return reverse(f"admin:orders_order_{name}", args=[order.pk])

        found = []
        again = outbound.pushing_again(order, push)
        # What is on its way anyway needs no button.
        standing = standing_of(order, push)
        on_its_way = standing is not None and standing.key in ("waiting", "unconfirmed", "telling")
        if again.possible and not on_its_way:
            label = "Tell the POS again" if push and push.kind == PushKind.CANCELLATION else "Send again"
            found.append(Button(label, "refresh", "plain" if again.twice else "primary", url("push_again")))
        if outbound.handling(order, push).possible:
            found.append(Button("Mark as handled by phone", "phone_in_talk", "primary", url("handled")))
        if _can_cancel(order):
            found.append(Button("Cancel the order", "cancel", "danger", url("cancel")))
        return found

    # --- acting ---

    def push_again_view(self, request: HttpRequest, order_id: int) -> HttpResponse:
        """Owe the order to the POS anew."""
        order = self._order(request, order_id, acting=True)
        push = outbound.owed_by(order, list(order.pushes.all()))
        repair = outbound.pushing_again(order, push)
        form = TwiceForm(_sent(request)) if repair.twice else forms.Form(_sent(request))

        def act() -> str:
            again = outbound.push_again(order.pk, by=request.user.get_username(), twice_is_fine=repair.twice)
            nudge(pushing_tasks.push_orders, again.pk)
            return "It is being sent. Its attempt appears on the timeline in a moment."

        return self._ask(
            request,
            order,
            title="Send the order again",
            what="ding sends the order to the restaurant's POS once more, with all its retries.",
            warnings=repair.warnings,
            refusal=repair.refusal,
            form=form,
            button="Send again",
            action="sent to the kitchen again",
            act=act,
        )

    def handled_view(self, request: HttpRequest, order_id: int) -> HttpResponse:
        """A person told the kitchen."""
        order = self._order(request, order_id, acting=True)
        push = outbound.owed_by(order, list(order.pushes.all()))
        repair = outbound.handling(order, push)
        form = NoteForm(_sent(request))

        def act() -> str:
            outbound.mark_handled(
                order.pk, by=request.user.get_username(), note=form.cleaned_data.get("note", "")
            )
            return "Marked as handled by phone. Nothing more is sent to the POS about it."

        cancelled = push is not None and push.kind == PushKind.CANCELLATION
        return self._ask(
            request,
            order,
            title="Mark as handled by phone",
            what="You told the restaurant by phone that the order is cancelled. ding stops trying to tell the POS."
            if cancelled
            else "You told the restaurant by phone, and they cook it. ding stops sending it, ends its alarms, "
            "and tells the guest that the order is confirmed.",
            warnings=repair.warnings,
            refusal=repair.refusal,
            form=form,
            button="Mark as handled",
            action="handled by phone",
            act=act,
        )

    def cancel_view(self, request: HttpRequest, order_id: int) -> HttpResponse:
        """Cancel it, with a reason."""
        order = self._order(request, order_id, acting=True)
        form = ReasonForm(_sent(request))

        def act() -> str:
            cancel_order(
                order.pk,
                reason=form.cleaned_data["reason"],
                source=ChangeSource.STAFF,
                changed_by=request.user.get_username(),
            )
            return "The order is cancelled. The POS and the guest are being told."

        return self._ask(
            request,
            order,
            title="Cancel the order",
            what="The order is cancelled for good. The guest is told, and the POS if it may have the order.",
            warnings=() if order.status == OrderStatus.PENDING else ("The kitchen is at it already.",),
            refusal=""
            if _can_cancel(order)
            else f"The order is {order.status} and cannot be cancelled any more.",
            form=form,
            button="Cancel the order",
            action="cancelled",
            act=act,
            danger=True,
        )

    def tell_again_view(self, request: HttpRequest, order_id: int, message_id: int) -> HttpResponse:
        """Send a message to the guest once more."""
        order = self._order(request, order_id, acting=True)
        if not request.user.has_perm("notifications.change_notification"):
            raise PermissionDenied
        message = Notification.objects.filter(pk=message_id, order=order).first()
        if message is None:
            raise Http404
        waiting = message.status == MessageStatus.PENDING
        sent = message.status == MessageStatus.SENT

        def act() -> str:
            by = request.user.get_username()
            if not telling.send_again([message.pk], by=by, sent_too=sent):
                raise DomainError("It is being sent at this moment.")
            nudge(telling_tasks.send_due)
            return "The message is being sent again."

        return self._ask(
            request,
            order,
            title="Send the message again",
            what=f"{message.get_type_display()}: “{message.message.strip()}”",
            warnings=("It went out already: the guest may get it twice.",) if sent else (),
            refusal="It waits to be sent anyway." if waiting else "",
            form=forms.Form(_sent(request)),
            button="Send again",
            action="message sent again",
            act=act,
        )

    def _ask(
        self,
        request: HttpRequest,
        order: Order,
        *,
        title: str,
        what: str,
        warnings: tuple[str, ...],
        refusal: str,
        form: forms.Form,
        button: str,
        action: str,
        act: Any,
        danger: bool = False,
    ) -> HttpResponse:
        """Say what will happen and ask; on POST do it, write it down, and go back to the order."""
        if request.method == "POST" and (refusal or form.is_valid()):
            try:
                if refusal:
                    # Somebody was faster; the page says how the order stands now.
                    raise DomainError(refusal)
                done = act()
            except DomainError as error:
                messages.error(request, error.message)
            else:
                audit.record(action, order)
                messages.success(request, done)
            return HttpResponseRedirect(self._page(order))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": title,
            "subject": f"{order.reference} · {order.restaurant}",
            "what": what,
            "warnings": warnings,
            "refusal": refusal,
            "form": form,
            "button": button,
            "danger": danger,
            "back": self._page(order),
        }
        return TemplateResponse(request, "admin/ding/ask.html", context)

    # --- who may ---

    def _order(self, request: HttpRequest, order_id: Any, *, acting: bool = False) -> Order:
        """The order, if it is theirs to see (else there is none), and theirs to act upon (else 403)."""
        order: Order | None = self.get_object(request, str(order_id))  # type: ignore[attr-defined]
        if order is None:
            raise Http404
        if not self.has_view_permission(request, order):  # type: ignore[attr-defined]
            raise PermissionDenied
        if acting and not self._may_act(request):
            raise PermissionDenied
        return order

    def _may_act(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("orders.change_order"))

    def _page(self, order: Order) -> str:
        return reverse("admin:orders_order_change", args=[order.pk])


def _can_cancel(order: Order) -> bool:
    return order.status != OrderStatus.DISPATCHED and can_move(order.status, OrderStatus.CANCELLED)


def _sent(request: HttpRequest) -> Any:
    """What a form is bound to; empty, and bound all the same, when nothing was filled in."""
    return request.POST if request.method == "POST" else None
