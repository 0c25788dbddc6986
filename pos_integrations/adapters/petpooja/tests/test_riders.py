"""How far a rider is, going out."""

from __future__ import annotations

from dataclasses import replace

import pytest
import responses
from responses import matchers

from pos_integrations.adapters.petpooja.adapter import PetPoojaAdapter
from pos_integrations.adapters.petpooja.riders import STATUSES, rider_body
from pos_integrations.adapters.petpooja.tests.conftest import expected, raw
from pos_integrations.errors import ConfigurationError, OutcomeUnknown, PermanentError, PosError
from pos_integrations.http import PosHttp
from pos_integrations.messages import RiderStatus, RiderUpdate

POS = PetPoojaAdapter()
URL = "https://pos.example.com/V1/rider_status_update"
RIDER = RiderUpdate(RiderStatus.ASSIGNED, "Test Rider", "9000000003")


@pytest.fixture
def network():
    with responses.RequestsMock() as mock:
        yield mock


@pytest.mark.parametrize("status", RiderStatus)
def test_every_status_is_sent_as_the_sample_whole(network, delivery_order, account, status):
    body = expected(f"update_rider__{status.value}")
    network.post(URL, body=raw("update_rider__saved"), match=[matchers.json_params_matcher(body)])
    rider = replace(RIDER, status=status)
    assert rider_body(delivery_order, rider, account) == body
    POS.update_rider(delivery_order, rider, account, PosHttp())


def test_every_status_of_ours_is_one_of_theirs():
    assert set(STATUSES) == set(RiderStatus)


def test_the_published_example_but_for_its_made_up_ids(delivery_order, account):
    # There the order id is a number: ours is any text. The description says text.
    example = expected("update_rider__published")
    order = replace(delivery_order, reference="101010527")
    body = rider_body(order, RiderUpdate(RiderStatus.ASSIGNED, "RIDER", "9000000003"), account)
    assert body == {**example, "order_id": "101010527", "outlet_id": "abcd1234"}


def test_a_rider_without_a_name_is_sent_as_one(delivery_order, account):
    body = rider_body(delivery_order, RiderUpdate(RiderStatus.PICKED_UP), account)
    assert body["rider_data"] == {"rider_name": "", "rider_phone_number": ""}


@pytest.mark.parametrize("fixture", ["saved", "saved_found"])
@pytest.mark.parametrize("status", [200, 400])
def test_success_is_told_by_a_word(network, delivery_order, account, fixture, status):
    network.post(URL, body=raw(f"update_rider__{fixture}"), status=status)
    POS.update_rider(delivery_order, RIDER, account, PosHttp())


@pytest.mark.parametrize("status", [200, 400])
def test_a_refusal_in_petpoojas_words(network, delivery_order, account, status):
    network.post(URL, body=raw("update_rider__refused_unknown_order"), status=status)
    with pytest.raises(PermanentError) as caught:
        POS.update_rider(delivery_order, RIDER, account, PosHttp())
    assert type(caught.value) is PermanentError
    assert caught.value.message == "Order Id not found./Invalid Rider status."
    assert caught.value.code == "400"


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        (
            b'{"success":"failed","message":"Invalid client credentials.","code":"401"}',
            200,
            ConfigurationError,
        ),
        (b'{"success":"0","message":"No.","code":400}', 200, PermanentError),
        (b'{"success":"failed","message":"Oops"}', 500, OutcomeUnknown),
        (b'{"success":"perhaps"}', 200, OutcomeUnknown),
        (b'{"code":"200","message":"Rider status saved successfully."}', 200, OutcomeUnknown),
        (b"", 403, ConfigurationError),
    ],
)
def test_other_answers(network, delivery_order, account, body, status, kind):
    network.post(URL, body=body, status=status)
    with pytest.raises(PosError) as caught:
        POS.update_rider(delivery_order, RIDER, account, PosHttp())
    assert type(caught.value) is kind


def test_the_word_success_means_nothing_to_other_calls(network, delivery_order, account):
    network.post("https://pos.example.com/V1/save_order", body=raw("update_rider__saved"))
    with pytest.raises(OutcomeUnknown):
        POS.save_order(delivery_order, account, PosHttp(), callback_url="")


def test_a_rider_is_not_shown_in_logs():
    assert "Test Rider" not in repr(RIDER)
    assert "9000000003" not in repr(RIDER)
