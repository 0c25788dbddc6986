from __future__ import annotations

import datetime as dt
import email
import logging
import socket

import pytest
from django.core import mail

from notifications import services
from notifications.channels import ChannelDown, ConsoleSms, EmailChannel, NotSent, Outgoing, Refused, Unclear
from notifications.models import Notification
from notifications.tests import smtp_server
from notifications.tests.conftest import NOW, move


def outgoing(**fields):
    return Outgoing(
        **{
            "id": 7,
            "event": "ready",
            "status": "ready",
            "reference": "DABC1234",
            "restaurant": "Spice Garden",
            "to": "asha@example.com",
            "text": "Hello,\n\nit is ready.\n",
            "subject": "It is ready",
            **fields,
        }
    )


@pytest.fixture
def use_smtp(settings):
    """Point Django's mail at a port of this machine."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST = "127.0.0.1"
    settings.EMAIL_TIMEOUT = 0.5
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    settings.DEFAULT_FROM_EMAIL = "Ding <orders@ding.example>"
    # Looking up our own name can take seconds where there is no name server.
    mail.utils.DNS_NAME._fqdn = "localhost"

    def use(port):
        settings.EMAIL_PORT = port

    yield use
    del mail.utils.DNS_NAME._fqdn


@pytest.mark.django_db
def test_a_status_change_arrives_as_email_at_a_real_server(make_order, use_smtp):
    order = make_order(reference="DABC1234", customer_phone="")
    move(order, "cancelled", "Küche geschlossen")
    with smtp_server.running() as server:
        use_smtp(server.server_address[1])
        assert services.send_due() == 1
    row = Notification.objects.get()
    (letter,) = [email.message_from_bytes(raw, policy=email.policy.default) for raw in server.letters]
    assert row.status == "sent"
    assert row.provider_message_id == f"<DABC1234.cancelled.{row.pk}@ding.example>"
    assert letter["Message-ID"] == row.provider_message_id
    assert letter["Auto-Submitted"] == "auto-generated"
    assert letter["From"] == "Ding <orders@ding.example>"
    assert letter["To"] == "asha@example.com"
    assert letter["Subject"] == "Spice Garden: your order DABC1234 was cancelled"
    assert letter.get_content().replace("\r\n", "\n") == row.message
    assert "Reason: Küche geschlossen." in row.message


@pytest.mark.parametrize(
    ("answers", "error", "words"),
    [
        ({"": "hang"}, ChannelDown, "No connection to the mail server (SMTPServerDisconnected)."),
        ({"": "421 busy"}, ChannelDown, "No connection to the mail server (SMTPConnectError)."),
        (
            {"MAIL": "hang up"},
            ChannelDown,
            "The mail server broke off before the message (SMTPServerDisconnected).",
        ),
        (
            {"RCPT": "hang"},
            ChannelDown,
            "The mail server broke off before the message (SMTPServerDisconnected).",
        ),
        ({"MAIL": "421 closing"}, ChannelDown, "The mail server is closing: 421 closing"),
        ({"RCPT": "450 greylisted"}, NotSent, "The mail server put us off: 450 greylisted"),
        ({"RCPT": "550 no such user"}, Refused, "The mail server refused the message: 550 no such user"),
        ({"MAIL": "553 not from you"}, Refused, "The mail server refused the message: 553 not from you"),
        ({"DATA": "451 later"}, NotSent, "The mail server put us off: 451 later"),
        ({".": "452 disk full"}, NotSent, "The mail server put us off: 452 disk full"),
        ({".": "554 spam"}, Refused, "The mail server refused the message: 554 spam"),
        (
            {".": "hang"},
            Unclear,
            "The mail server gave no clear answer (SMTPServerDisconnected): the message may have arrived.",
        ),
        (
            {".": "hang up"},
            Unclear,
            "The mail server gave no clear answer (SMTPServerDisconnected): the message may have arrived.",
        ),
        (
            {".": "what?"},
            Unclear,
            "The mail server gave no clear answer (SMTPDataError): the message may have arrived.",
        ),
    ],
)
def test_a_mail_server_that_fails_is_read_by_how_far_it_came(use_smtp, answers, error, words):
    with smtp_server.running(answers) as server:
        use_smtp(server.server_address[1])
        with pytest.raises(error) as caught:
            EmailChannel().send(outgoing())
    assert type(caught.value) is error
    assert str(caught.value) == words


@pytest.mark.parametrize("farewell", ["hang", "hang up", "500 no"])
def test_a_server_that_is_rude_after_taking_the_message_has_taken_it(use_smtp, farewell):
    with smtp_server.running({"QUIT": farewell}) as server:
        use_smtp(server.server_address[1])
        assert EmailChannel().send(outgoing()) == "<DABC1234.ready.7@ding.example>"
    assert len(server.letters) == 1


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        ("535 bad credentials", Refused, "The mail server refused our credentials: 535 bad credentials"),
        ("454 try later", ChannelDown, "The mail server could not check our password: 454 try later"),
    ],
)
def test_wrong_mail_credentials_are_a_refusal_without_the_password(use_smtp, settings, answer, error, words):
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "ding", "hush-hush"
    with smtp_server.running({"AUTH": answer}) as server:
        use_smtp(server.server_address[1])
        with pytest.raises(error) as caught:
            EmailChannel().send(outgoing())
    assert str(caught.value) == words


def test_a_mail_server_without_tls_is_a_refusal_where_tls_is_asked_for(use_smtp, settings):
    settings.EMAIL_USE_TLS = True
    with smtp_server.running() as server:
        use_smtp(server.server_address[1])
        with pytest.raises(Refused, match="does not offer the TLS"):
            EmailChannel().send(outgoing())


def test_a_mail_server_that_is_not_there_is_down(use_smtp):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        use_smtp(closed.getsockname()[1])
        with pytest.raises(
            ChannelDown, match=r"^No connection to the mail server \(ConnectionRefusedError\)\.$"
        ):
            EmailChannel().send(outgoing())


@pytest.mark.parametrize(
    "address",
    ["", "asha", "a@example.com, b@example.com", "a@example.com\nBcc: b@example.com", "<a@example.com>"],
)
def test_what_is_no_address_is_refused_before_any_connection(address):
    with pytest.raises(Refused, match=r"^This is no e-mail address\.$"):
        EmailChannel().send(outgoing(to=address))
    assert mail.outbox == []


def test_a_subject_with_a_newline_is_refused_and_not_sent():
    with pytest.raises(Refused):
        EmailChannel().send(outgoing(subject="Ready\nBcc: b@example.com"))
    assert mail.outbox == []


def test_the_message_id_is_the_same_for_every_try_and_survives_an_odd_sender(settings):
    settings.DEFAULT_FROM_EMAIL = "Ding <orders@[odd]>"
    assert (
        EmailChannel().send(outgoing()) == EmailChannel().send(outgoing()) == "<DABC1234.ready.7@localhost>"
    )


@pytest.mark.parametrize(("log_format", "shown"), [("console", "It is ready."), ("json", None)])
def test_the_console_shows_the_text_only_to_people(settings, caplog, log_format, shown):
    settings.LOG_FORMAT = log_format
    caplog.set_level(logging.INFO)
    assert ConsoleSms().send(outgoing(to="+919876543210", text="It is ready.")) == "console-7"
    (record,) = caplog.records
    assert (record.notification, record.number_ends_in) == (7, "3210")
    assert getattr(record, "text", None) == shown
    assert "9876543210" not in str(vars(record))


def test_an_outgoing_message_does_not_show_its_guest():
    assert repr(outgoing()) == "Outgoing(id=7, event='ready', status='ready', reference='DABC1234')"


@pytest.mark.django_db
def test_a_greylisted_message_arrives_with_a_later_try(make_row, use_smtp):
    row = make_row(type="email")
    with smtp_server.running({"RCPT": "450 greylisted"}) as server:
        use_smtp(server.server_address[1])
        services.send_due(NOW)
        row.refresh_from_db()
        assert (row.status, row.retry_count, server.letters) == ("pending", 1, [])
        server.answers = {}
        services.send_due(NOW + dt.timedelta(minutes=1))
    row.refresh_from_db()
    assert (row.status, row.retry_count, len(server.letters)) == ("sent", 1, 1)
