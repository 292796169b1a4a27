import json

import pytest


@pytest.fixture(scope="module")
def delivered(cloud):
    """Events that came through to the bus."""
    passed = []

    def put(params, caller):
        passed.extend(params["Entries"])
        return {"FailedEntryCount": 0, "Entries": [{"EventId": entry["Source"]} for entry in params["Entries"]]}

    cloud.operation("events", "PutEvents", put)
    return passed


def entry(source):
    return {"Source": source, "DetailType": "t", "Detail": json.dumps({"a": 1})}


def test_nobody_but_aws_sends_events_in_the_name_of_aws(cloud, delivered):
    answer = cloud.client("events").put_events(Entries=[entry("mine.1"), entry("aws.sagemaker"), entry("mine.2")])
    assert answer["FailedEntryCount"] == 1
    assert [result.get("EventId", result.get("ErrorCode")) for result in answer["Entries"]] == [
        "mine.1",
        "NotAuthorizedForSourceException",
        "mine.2",
    ]
    assert [event["Source"] for event in delivered] == ["mine.1", "mine.2"]


def test_events_in_ones_own_name_pass(cloud, delivered):
    delivered.clear()
    assert cloud.client("events").put_events(Entries=[entry("awsome.app")])["FailedEntryCount"] == 0
    assert [event["Source"] for event in delivered] == ["awsome.app"]


def test_where_every_event_is_refused_none_is_sent(cloud, delivered):
    delivered.clear()
    assert cloud.client("events").put_events(Entries=[entry("aws.codecommit")] * 2)["FailedEntryCount"] == 2
    assert delivered == []
