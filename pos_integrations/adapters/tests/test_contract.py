"""What every adapter must hold to, run over the registry.

An adapter takes part by its `fixtures/`: bare bodies named `<topic>__<case>.json` (what the POS sends to a
topic) and `<call>__<case>.json` (what it answers to `save_order`, `cancel_order`, `update_rider`,
`fetch_menu`). A case named `refused_…`, `malformed_…` or `unsupported_…` must end in that error. `account.json` holds the account
they belong to, and names one fixture with a secret and the headers with which it is signed.
"""

from __future__ import annotations

import datetime as dt
import inspect
import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import responses

from menus.snapshot import MenuSnapshot, OrderType
from orders.snapshot import ChargeLine, Customer, OrderLine, OrderSnapshot
from pos_integrations.adapters.base import FieldType, PosAdapter, TopicAuth, TopicKind
from pos_integrations.adapters.registry import ADAPTERS
from pos_integrations.errors import (
    ConfigurationError,
    MalformedPayload,
    NotAuthentic,
    OutcomeUnknown,
    PermanentError,
    PosError,
    TransientError,
    UnsupportedEvent,
    UnsupportedOperation,
    WebhookError,
)
from pos_integrations.http import PosHttp
from pos_integrations.messages import (
    Account,
    Finding,
    Outcome,
    PushResult,
    RiderStatus,
    RiderUpdate,
    WebhookRequest,
)

CALLS = ("save_order", "cancel_order", "update_rider", "fetch_menu")
ANYWHERE = re.compile(r"https?://.*")
ORDER = OrderSnapshot(
    reference="WEB-1001",
    order_type=OrderType.DELIVERY,
    payment_type="COD",
    placed_at=dt.datetime(2026, 1, 15, 14, 12, 10, tzinfo=dt.UTC),
    customer=Customer(name="Test Customer", phone="9000000002"),
    lines=(OrderLine("1", "Rice", Decimal("40.00"), Decimal("0.00"), 1, Decimal("40.00")),),
    packing=ChargeLine(),
    delivery=ChargeLine(),
    service=ChargeLine(),
    discount_total=Decimal("0.00"),
    tax_total=Decimal("0.00"),
    total=Decimal("40.00"),
)

RIDER = RiderUpdate(RiderStatus.ASSIGNED, "Test Rider", "9000000003")


def folder(adapter: PosAdapter) -> Path:
    return Path(inspect.getfile(type(adapter))).parent / "fixtures"


def setup_of(adapter: PosAdapter) -> dict[str, Any]:
    return dict(json.loads((folder(adapter) / "account.json").read_bytes()))


def account_of(adapter: PosAdapter) -> Account:
    given = setup_of(adapter)
    config = {field.name: field.default for field in adapter.config_fields} | given["config"]
    secrets = tuple(config[field.name] for field in adapter.config_fields if field.secret)
    return Account(given["external_id"], given["base_url"], config, secrets)


def call(name: str, adapter: PosAdapter, http: PosHttp) -> Any:
    account = account_of(adapter)
    if name == "save_order":
        return adapter.save_order(ORDER, account, http, callback_url="https://ding.example.com/callback")
    if name == "cancel_order":
        return adapter.cancel_order(ORDER, "Changed my mind", account, http)
    if name == "update_rider":
        return adapter.update_rider(ORDER, RIDER, account, http)
    return adapter.fetch_menu(account, http)


def fixtures(*, of_calls: bool) -> list[Any]:
    return [
        pytest.param(adapter, path, id=f"{adapter.slug}-{path.stem}")
        for adapter in ADAPTERS.values()
        for path in sorted(folder(adapter).glob("*__*.json"))
        if not path.stem.endswith(".expected") and (path.stem.split("__")[0] in CALLS) is of_calls
    ]


each_adapter = pytest.mark.parametrize("adapter", ADAPTERS.values(), ids=ADAPTERS)


class Broken(PosHttp):
    """A line on which every call ends alike."""

    def __init__(self, error: PosError) -> None:
        super().__init__()
        self.error = error

    def post(self, *args: Any, **kwargs: Any) -> Any:
        raise self.error


@pytest.fixture
def answering():
    """A POS that answers every call alike."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:

        def answer(body: bytes, status: int = 200) -> None:
            mock.post(url=ANYWHERE, body=body, status=status)

        yield answer


# --- who it is ---


@each_adapter
def test_it_says_who_it_is(adapter):
    assert ADAPTERS[adapter.slug] is adapter
    assert adapter.label
    assert adapter.external_id_help
    names = [field.name for field in adapter.config_fields]
    assert len(names) == len(set(names))
    assert adapter.api_key_field in names


@each_adapter
def test_its_configuration_explains_itself(adapter):
    for field in adapter.config_fields:
        assert field.label, field.name
        assert field.help, field.name
        assert not (field.secret and field.default), f"{field.name}: a secret has no default"
        is_choice = field.type is FieldType.CHOICE
        assert bool(field.choices) is is_choice, field.name
        assert not is_choice or field.default in (None, *field.choices), field.name


@each_adapter
def test_what_is_not_configured_yet_is_not_called_wrong(adapter):
    given = setup_of(adapter)
    assert adapter.check_configuration("", "", {}) == {}
    assert adapter.check_configuration(given["external_id"], given["base_url"], given["config"]) == {}


@each_adapter
def test_its_topics_have_different_names(adapter):
    names = [topic.name for topic in adapter.topics]
    assert len(names) == len(set(names))
    assert all(adapter.topic(name) for name in names)
    assert all(topic.max_bytes > 0 for topic in adapter.topics)
    assert adapter.topic("no-such-topic") is None


# --- fixtures ---


@each_adapter
def test_every_topic_has_a_fixture(adapter):
    stems = {path.stem.split("__")[0] for path in folder(adapter).glob("*__*.json")}
    assert {topic.name for topic in adapter.topics if topic.kind is TopicKind.EVENT} <= stems


@pytest.mark.parametrize(("adapter", "path"), fixtures(of_calls=False))
def test_every_webhook_fixture_parses_or_is_declared(adapter: PosAdapter, path: Path):
    topic, case = path.stem.split("__")
    assert adapter.topic(topic), f"{path.name} belongs to no topic"
    request, account = WebhookRequest(topic, path.read_bytes()), account_of(adapter)
    declared = {"malformed": MalformedPayload, "unsupported": UnsupportedEvent}.get(case.split("_")[0])
    if declared:
        with pytest.raises(declared):
            adapter.parse(request, account)
        return
    is_event = adapter.topic(topic).kind is TopicKind.EVENT
    assert bool(adapter.parse(request, account)) is is_event
    assert adapter.account_ref(request) == account.external_id


@pytest.mark.parametrize(("adapter", "path"), fixtures(of_calls=True))
def test_every_answer_fixture_is_understood_or_is_declared(adapter: PosAdapter, path: Path, answering):
    name, case = path.stem.split("__")
    answering(path.read_bytes())
    if case.startswith("refused_"):
        with pytest.raises(PermanentError) as caught:
            call(name, adapter, PosHttp())
        assert caught.value.message
        return
    result = call(name, adapter, PosHttp())
    assert isinstance(result, {"save_order": PushResult, "fetch_menu": MenuSnapshot}.get(name, type(None)))


# --- who may speak ---


def signed(adapter: PosAdapter) -> tuple[WebhookRequest, str]:
    given = setup_of(adapter)["signed"]
    topic = given["fixture"].split("__")[0]
    body = (folder(adapter) / given["fixture"]).read_bytes()
    return WebhookRequest(topic, body, given["headers"]), given["secret"]


def has_signatures(adapter: PosAdapter) -> bool:
    return any(topic.auth is TopicAuth.SIGNATURE for topic in adapter.topics)


each_signing_adapter = pytest.mark.parametrize(
    "adapter", [a for a in ADAPTERS.values() if has_signatures(a)], ids=lambda adapter: adapter.slug
)


@each_signing_adapter
def test_the_right_secret_is_found_wherever_it_stands(adapter):
    request, secret = signed(adapter)
    (scheme, *_) = adapter.signature_schemes
    assert scheme.verify(request, [secret]).secret == 0
    assert scheme.verify(request, ["an-older-secret", secret]).secret == 1


@each_signing_adapter
def test_a_wrong_secret_a_changed_body_and_no_signature_are_refused(adapter):
    request, secret = signed(adapter)
    for other, secrets in (
        (request, ["a-wrong-secret"]),
        (request, []),
        (WebhookRequest(request.topic, request.body + b" ", request.headers), [secret]),
        (WebhookRequest(request.topic, request.body), [secret]),
    ):
        with pytest.raises(NotAuthentic):
            adapter.signature_schemes[0].verify(other, secrets)


# --- what may go wrong ---


@each_adapter
@pytest.mark.parametrize("body", [b"", b"\xff", b"null", b"[]", b"7", b"{}", b"[" * 50_000, b'{"a":1e999}'])
def test_a_body_that_is_none_raises_only_webhook_errors(adapter, body):
    account = account_of(adapter)
    for topic in adapter.topics:
        request = WebhookRequest(topic.name, body)
        with pytest.raises(WebhookError):
            adapter.parse(request, account)
        with pytest.raises(MalformedPayload):
            adapter.account_ref(request)
        if topic.auth is TopicAuth.ORDER_TOKEN:
            with pytest.raises(MalformedPayload):
                adapter.order_reference(request)


@each_adapter
@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize(
    "status", [200, 202, 301, 400, 401, 403, 404, 409, 413, 415, 418, 429, 500, 502, 503, 504]
)
@pytest.mark.parametrize("body", [b"", b"<html>no</html>", b"\xff\xfe", b"[]", b"null", b"{}", b"[" * 50_000])
def test_no_answer_is_mistaken_for_a_yes(adapter, name, status, body, answering):
    answering(body, status)
    with pytest.raises(PosError):
        call(name, adapter, PosHttp())


@each_adapter
@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("kind", [TransientError, OutcomeUnknown, ConfigurationError])
def test_what_the_line_says_is_not_changed(adapter, name, kind):
    error = kind("The line broke.")
    with pytest.raises(PosError) as caught:
        call(name, adapter, Broken(error))
    assert caught.value is error or isinstance(caught.value, UnsupportedOperation)


@each_adapter
@pytest.mark.parametrize("kind", [TransientError, OutcomeUnknown, ConfigurationError, PermanentError])
def test_the_connection_test_raises_nothing(adapter, kind):
    found = adapter.check_account(account_of(adapter), Broken(kind("The line broke.")))
    assert found
    assert all(isinstance(finding, Finding) and finding.message for finding in found)
    assert not all(finding.ok for finding in found)


@each_adapter
@pytest.mark.parametrize("outcome", Outcome)
def test_every_topic_is_answered(adapter, outcome):
    for topic in adapter.topics:
        reply = adapter.reply(topic, outcome, "Words.", {})
        assert reply.status == 200 if outcome is Outcome.ACCEPTED else reply.status >= 400
        json.dumps(reply.body)


# --- secrets ---


@each_adapter
@pytest.mark.parametrize("name", CALLS)
def test_no_credential_is_recorded_or_shown(adapter, name, answering):
    account = account_of(adapter)
    echo = json.dumps({"success": "0", "message": f"Bad {' '.join(account.secrets)}"}).encode()
    answering(echo, 400)
    http = PosHttp(secrets=account.secrets)
    with pytest.raises(PosError) as caught:
        call(name, adapter, http)
    shown = [repr(account), repr(http.exchanges), repr(caught.value), caught.value.message, caught.value.code]
    shown += [finding.message for finding in adapter.check_account(account, http)]
    for secret in account.secrets:
        assert not any(secret in text for text in shown)


@each_adapter
def test_the_same_order_is_sent_in_the_same_bytes(adapter, answering):
    answering(b"")
    sent = []
    for _ in range(2):
        http = PosHttp()
        with pytest.raises(PosError):
            call("save_order", adapter, http)
        sent += [exchange.request_body for exchange in http.exchanges]
    assert sent[0] == sent[1]
