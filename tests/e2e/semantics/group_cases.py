"""Groups of consumers: what their members, and those who administer them, are answered in every version."""

import time

from semantics.context import case, fresh

SUBSCRIBED = bytes.fromhex("0000" "00000001" "0005") + b"P-top" + bytes.fromhex("ffffffff")


def ready(k):
    """Kafka makes its topic of offsets on the first question, and its coordinators load one by one after that."""
    deadline = time.monotonic() + 60

    def loading(group):
        found = k.call("FindCoordinator", 1, {"Key": group})["ErrorCode"]
        return found or k.call("Heartbeat", 3, {"GroupId": group, "MemberId": "nobody"})["ErrorCode"] in (14, 15, 16)

    for number in range(200):
        while loading(f"loading-{number}") and time.monotonic() < deadline:
            time.sleep(0.05)


def join_body(group, member="", protocols=("range",), **more):
    return {"GroupId": group, "SessionTimeoutMs": 30000, "RebalanceTimeoutMs": 30000, "MemberId": member,
            "ProtocolType": "consumer", "Protocols": [{"Name": name, "Metadata": SUBSCRIBED} for name in protocols], **more}


def joined(k, group, version=5, **more):
    """A member's id and generation, once it has them; its name in the answers is `member`."""
    answer = k.call("JoinGroup", version, join_body(group, **more))
    if answer["ErrorCode"] == 79:
        answer = k.call("JoinGroup", version, join_body(group, answer["MemberId"], **more))
    assert answer["ErrorCode"] == 0, answer
    k.known[answer["MemberId"]] = "member"
    return answer["MemberId"], answer["GenerationId"]


def synced(k, group, **more):
    """A stable group of one member that has an assignment."""
    member, generation = joined(k, group, **more)
    answer = k.call("SyncGroup", 3, {"GroupId": group, "GenerationId": generation, "MemberId": member,
                                     "GroupInstanceId": more.get("GroupInstanceId"),
                                     "Assignments": [{"MemberId": member, "Assignment": b"mine"}]})
    assert answer["ErrorCode"] == 0, answer
    return member, generation


@case
def za_join_group(k):
    ready(k)
    for version in k.versions("JoinGroup"):
        group = k.name(f"join-{version}")

        def ask(label, of=None, version=version, group=group, **more):
            answer = k.call("JoinGroup", version, join_body(group if of is None else of, **more))
            if isinstance(answer, dict) and answer["MemberId"]:
                k.known.setdefault(answer["MemberId"], "asked" if answer["MemberId"] == more.get("member") else "given")
            return k.note(f"v{version} {label}", answer)

        ask("no group's name", of="")
        for timeout in (5999, 1800001, 0, -1):
            ask(f"session of {timeout}", SessionTimeoutMs=timeout)
        ask("no protocols", protocols=())
        ask("no protocol type", ProtocolType="")
        ask("a member nobody knows", member="nobody")
        first = ask("first")
        if first["ErrorCode"] == 79:
            ask("another's pending id, other group", of=k.name(f"other-{version}"), member=first["MemberId"])
            ask("with its id", member=first["MemberId"])
        member = first["MemberId"]
        ask("again, as the leader", member=member)
        ask("other protocols", member=member, protocols=("roundrobin", "range"))
        ask("another protocol type", ProtocolType="connect")
        ask("no protocol in common", protocols=("sticky",))
        ask("a member nobody knows, later", member="nobody")
        if version >= 5:
            static = k.name(f"static-{version}")
            once = ask("static", of=static, GroupInstanceId="one")
            ask("static, once more", of=static, GroupInstanceId="one")
            ask("static, as who it was", of=static, GroupInstanceId="one", member=once["MemberId"])
            ask("static, another's id", of=static, GroupInstanceId="two", member=once["MemberId"])
            for label, instance in (("empty", ""), ("long", "x" * 250), ("bad", "a/b")):
                ask(f"static, {label} name", of=k.name(f"static-{label}-{version}"), GroupInstanceId=instance)


@case
def zb_sync_heartbeat_leave(k):
    ready(k)
    for api in ("SyncGroup", "Heartbeat"):
        for version in k.versions(api):
            group = k.name(f"{api.lower()}-{version}")
            member, generation = joined(k, group)

            def ask(label, of=group, by=member, at=generation, api=api, version=version, **more):
                body = {"GroupId": of, "GenerationId": at, "MemberId": by, **more}
                if api == "SyncGroup":
                    body = {"ProtocolType": "consumer", "ProtocolName": "range",
                            "Assignments": [{"MemberId": by, "Assignment": b"mine"}], **body}
                k.ask(f"v{version} {api} {label}", api, version, body)

            ask("before the assignment") if api == "Heartbeat" else None
            ask("no group's name", of="")
            ask("a group nobody knows", of=k.name("nobody"))
            ask("a member nobody knows", by="nobody")
            ask("no member's id", by="")
            ask("an old generation", at=generation - 1)
            ask("a later generation", at=generation + 1)
            if version >= 3:
                ask("an instance nobody knows", GroupInstanceId="one")
            if api == "SyncGroup" and version >= 5:
                ask("another protocol type", ProtocolType="connect")
                ask("another protocol", ProtocolName="sticky")
                ask("no protocol", ProtocolName=None, ProtocolType=None)
            if api == "SyncGroup":
                ask("assignment for a stranger", Assignments=[{"MemberId": "nobody", "Assignment": b"theirs"},
                                                              {"MemberId": member, "Assignment": b"mine"}])
                ask("again", Assignments=[{"MemberId": member, "Assignment": b"other"}])
            else:
                k.call("SyncGroup", 3, {"GroupId": group, "GenerationId": generation, "MemberId": member,
                                        "Assignments": [{"MemberId": member, "Assignment": b"mine"}]})
                ask("stable")
    for version in k.versions("LeaveGroup"):
        group, static = k.name(f"leave-{version}"), k.name(f"leave-static-{version}")
        member, _ = synced(k, group)

        def leave(label, of=group, *members, version=version):
            if version < 3:
                return [k.ask(f"v{version} LeaveGroup {label} {i}", "LeaveGroup", version, {
                    "GroupId": of, "MemberId": one.get("MemberId", "")}) for i, one in enumerate(members)]
            return k.ask(f"v{version} LeaveGroup {label}", "LeaveGroup", version, {"GroupId": of, "Members": members})

        leave("no group's name", "", {"MemberId": member})
        leave("a group nobody knows", k.name("nobody"), {"MemberId": member})
        leave("nobody", group)
        leave("a member nobody knows", group, {"MemberId": "nobody"})
        leave("itself", group, {"MemberId": member})
        leave("itself again", group, {"MemberId": member})
        if version >= 3:
            first, _ = synced(k, static, GroupInstanceId="one")
            leave("an instance nobody knows", static, {"MemberId": "", "GroupInstanceId": "two"})
            leave("an instance under another id", static, {"MemberId": "nobody", "GroupInstanceId": "one"})
            leave("two, one of them there", static, {"MemberId": "", "GroupInstanceId": "one"}, {"MemberId": "nobody"})
            leave("gone", static, {"MemberId": first})


@case
def zc_rebalance(k):
    """A second member, who is answered once the first has come again."""
    ready(k)
    for version in k.versions("JoinGroup", 1):
        group = k.name(f"rebalance-{version}")
        member, generation = synced(k, group)
        with fresh(k) as other:
            body = join_body(group)
            if version >= 4:
                other.send("JoinGroup", version, body)
                body["MemberId"] = other.receive("JoinGroup", version)[1]["MemberId"]
                k.known[body["MemberId"]] = "second"
            other.send("JoinGroup", version, body)
            deadline = time.monotonic() + 8
            while k.call("Heartbeat", 3, {"GroupId": group, "GenerationId": generation, "MemberId": member})["ErrorCode"] == 0:
                assert time.monotonic() < deadline
                time.sleep(0.01)
            k.ask(f"v{version} sync while it is prepared", "SyncGroup", 3,
                  {"GroupId": group, "GenerationId": generation, "MemberId": member})
            k.ask(f"v{version} commit while it is prepared", "OffsetCommit", 7, {
                "GroupId": group, "GenerationIdOrMemberEpoch": generation, "MemberId": member, "Topics": []})
            again = k.call("JoinGroup", version, join_body(group, member))
            second = other.receive("JoinGroup", version)[1]
            k.known[second["MemberId"]] = "second"
            k.note(f"v{version} the first", again)
            k.note(f"v{version} the second", second)
            other.send("SyncGroup", 3, {"GroupId": group, "GenerationId": second["GenerationId"], "MemberId": second["MemberId"]})
            k.ask(f"v{version} commit before the assignment", "OffsetCommit", 7, {
                "GroupId": group, "GenerationIdOrMemberEpoch": again["GenerationId"], "MemberId": member, "Topics": []})
            k.ask(f"v{version} the first's assignment", "SyncGroup", 3, {
                "GroupId": group, "GenerationId": again["GenerationId"], "MemberId": member, "Assignments": [
                    {"MemberId": member, "Assignment": b"one"}, {"MemberId": second["MemberId"], "Assignment": b"two"}]})
            k.note(f"v{version} the second's assignment", other.receive("SyncGroup", 3)[1])
            k.ask(f"v{version} described", "DescribeGroups", k.top("DescribeGroups", 5), {"Groups": [group]})
            k.ask(f"v{version} the second leaves", "LeaveGroup", 1, {"GroupId": group, "MemberId": second["MemberId"]})
            k.ask(f"v{version} heartbeat then", "Heartbeat", 3, {
                "GroupId": group, "GenerationId": again["GenerationId"], "MemberId": member})


@case
def zd_offsets(k):
    ready(k)
    name = k.create("committed", 2)
    gone = {"TopicId": bytes(range(16))}
    for version in k.versions("OffsetCommit"):
        group = k.name(f"commit-{version}")

        def topic(of=name, *partitions, version=version):
            place = {"Name": of} if version < 10 else {"TopicId": k.topic_id(of)} if of == name else gone
            return {**place, "Partitions": [{"PartitionIndex": index, "CommittedOffset": offset,
                                             "CommittedLeaderEpoch": 0, "CommittedMetadata": text}
                                            for index, offset, text in partitions]}

        def ask(label, *topics, of=group, version=version, **more):
            k.ask(f"v{version} OffsetCommit {label}", "OffsetCommit", version, {
                "GroupId": of, "GenerationIdOrMemberEpoch": -1, "MemberId": "", "Topics": list(topics), **more})

        ask("plain", topic(name, (0, 5, "note"), (1, 7, None)))
        ask("nothing")
        ask("partitions that are not there", topic(name, (2, 1, ""), (-1, 1, "")))
        ask("a topic that is not there", topic(k.name("nobody"), (0, 1, "")))
        ask("offset -1", topic(name, (0, -1, "")))
        ask("offset -2", topic(name, (1, -2, "")))
        ask("text as long as may be", topic(name, (0, 6, "x" * 4096)))
        ask("text too long", topic(name, (0, 7, "x" * 4097), (1, 8, "")))
        ask("no group's name", topic(name, (0, 1, "")), of="")
        ask("generation of a group nobody knows", topic(name, (0, 1, "")), of=k.name("nobody"), GenerationIdOrMemberEpoch=1)
        ask("member of a group nobody knows", topic(name, (0, 1, "")), of=k.name("nobody"), MemberId="nobody")
        ask("twice the same", topic(name, (0, 8, "a"), (0, 9, "b")))
        if version >= 7:
            ask("instance nobody knows", topic(name, (0, 1, "")), GroupInstanceId="one")
        member, generation = synced(k, group)
        at = {"GenerationIdOrMemberEpoch": generation, "MemberId": member}
        ask("of a member", topic(name, (0, 20, "m")), **at)
        ask("of nobody while there are members", topic(name, (0, 21, "")))
        ask("of a member nobody knows", topic(name, (0, 22, "")), **{**at, "MemberId": "nobody"})
        ask("of an old generation", topic(name, (0, 23, "")), **{**at, "GenerationIdOrMemberEpoch": generation - 1})
        ask("of no generation", topic(name, (0, 24, "")), **{**at, "GenerationIdOrMemberEpoch": -1})
        for fetched in k.versions("OffsetFetch"):
            _fetches(k, f"v{fetched} OffsetFetch after {version}", fetched, group, name)
    for version in k.versions("OffsetDelete"):
        _deletes(k, version, name)


def _fetches(k, label, version, group, name):
    def topics(*places):
        return [{**({"Name": of} if version < 10 else {"TopicId": k.topic_id(of) if of == name else bytes(range(16))}),
                 "PartitionIndexes": list(parts)} for of, *parts in places]

    def ask(what, of, *places, everything=False, **more):
        wanted = None if everything else topics(*places)
        body = {"GroupId": of, "Topics": wanted} if version < 8 else {"Groups": [{"GroupId": of, "Topics": wanted, **more}]}
        k.ask(f"{label} {what}", "OffsetFetch", version, body)

    ask("both", group, (name, 0, 1))
    ask("partitions that are not there", group, (name, 2, -1))
    ask("a topic that is not there", group, (k.name("nobody"), 0))
    ask("nothing", group)
    ask("a group nobody knows", k.name("nobody"), (name, 0))
    ask("no group's name", "", (name, 0))
    if version >= 2:
        ask("everything", group, everything=True)
        ask("everything of a group nobody knows", k.name("nobody"), everything=True)
    if version >= 8:
        k.ask(f"{label} two groups", "OffsetFetch", version, {"Groups": [
            {"GroupId": group, "Topics": topics((name, 0))}, {"GroupId": k.name("nobody"), "Topics": topics((name, 0))}]})
        k.ask(f"{label} no groups", "OffsetFetch", version, {"Groups": []})
    if version >= 9:
        ask("by a member nobody knows", group, (name, 0), MemberId="nobody", MemberEpoch=1)
        ask("by an epoch alone", group, (name, 0), MemberEpoch=1)


def _deletes(k, version, name):
    group = k.name(f"offset-delete-{version}")
    k.call("OffsetCommit", 7, {"GroupId": group, "GenerationIdOrMemberEpoch": -1, "Topics": [
        {"Name": name, "Partitions": [{"PartitionIndex": index, "CommittedOffset": 5} for index in (0, 1)]}]})

    def ask(label, of, *topics):
        k.ask(f"v{version} OffsetDelete {label}", "OffsetDelete", version, {"GroupId": of, "Topics": [
            {"Name": topic, "Partitions": [{"PartitionIndex": index} for index in parts]} for topic, *parts in topics]})

    ask("no group's name", "", (name, 0))
    ask("a group nobody knows", k.name("nobody"), (name, 0))
    ask("a topic that is not there", group, (k.name("nobody"), 0))
    ask("partitions that are not there", group, (name, 2, -1))
    ask("nothing", group)
    ask("one", group, (name, 0))
    ask("the same again", group, (name, 0))
    synced(k, group)
    ask("while there are members", group, (name, 1))


@case
def ze_describe_list_delete(k):
    ready(k)
    name = k.create("described-by-groups", 1)
    stable, empty, joining = (k.name(f"admin-{state}") for state in ("stable", "empty", "joining"))
    synced(k, stable, protocols=("range", "sticky"))
    joined(k, joining)
    k.call("OffsetCommit", 7, {"GroupId": empty, "GenerationIdOrMemberEpoch": -1, "Topics": [
        {"Name": name, "Partitions": [{"PartitionIndex": 0, "CommittedOffset": 5}]}]})
    for version in k.versions("DescribeGroups"):
        for label, groups in (("all three", [stable, empty, joining]), ("nobody knows it", [k.name("nobody")]), ("no name", [""]),
                              ("none", []), ("twice", [empty, empty])):
            k.ask(f"v{version} DescribeGroups {label}", "DescribeGroups", version, {"Groups": groups})
        if version >= 3:
            k.ask(f"v{version} DescribeGroups with operations", "DescribeGroups", version, {
                "Groups": [empty, k.name("nobody")], "IncludeAuthorizedOperations": True})
    for version in k.versions("ListGroups"):
        filters = [{}]
        if version >= 4:
            filters += [{"StatesFilter": states} for states in (["Stable"], ["empty", "STABLE"], ["Nonsense"], [""])]
        if version >= 5:
            filters += [{"TypesFilter": types} for types in (["classic"], ["Consumer"], ["nonsense"], ["Classic", "share"])]
        for wanted in filters:
            answer = k.call("ListGroups", version, wanted)
            if isinstance(answer, dict):
                answer["Groups"] = [group for group in answer["Groups"] if group["GroupId"] in (stable, empty, joining)]
            k.note(f"v{version} ListGroups {sorted(wanted.items())}", answer)
    for version in k.versions("DeleteGroups"):
        old = k.name(f"delete-{version}")
        k.call("OffsetCommit", 7, {"GroupId": old, "GenerationIdOrMemberEpoch": -1, "Topics": [
            {"Name": name, "Partitions": [{"PartitionIndex": 0, "CommittedOffset": 5}]}]})
        for label, groups in (("one with members", [stable]), ("nobody knows it", [k.name("nobody")]), ("no name", [""]),
                              ("none", []), ("it", [old, stable]), ("it again", [old])):
            k.ask(f"v{version} DeleteGroups {label}", "DeleteGroups", version, {"GroupsNames": groups})

