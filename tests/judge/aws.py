"""Holds replies of a stand-in against botocore's own parser and service models.

Usage: aws.py REPLIES.json  (a list of {service, operation, status, body})
Prints one finding a line and exits 1; exits 0 in silence if every text of every reply is understood.
"""

import datetime
import json
import re
import sys

import botocore.session
from botocore.parsers import create_parser


def leaves(value):
    if isinstance(value, dict):
        for one in value.values():
            yield from leaves(one)
    elif isinstance(value, list):
        for one in value:
            yield from leaves(one)
    else:
        yield str(value)


def texts(body):
    """Every text of a reply, and the code of its error."""
    if body.startswith("<"):
        code = re.search("<Code>(.*?)</Code>", body)
        return re.findall(">([^<>]+)<", body), code and code.group(1)
    said = json.loads(body)
    return [text for text in leaves(said) if text != said.get("__type")], said.get("__type")


def instant(value):
    """Both ways in which services write one."""
    at = value.astimezone(datetime.timezone.utc)
    return f"{at:%Y-%m-%dT%H:%M:%SZ} {at.timestamp():.0f}"


def findings(reply, session):
    model = session.get_service_model(reply["service"]).operation_model(reply["operation"])
    protocol = model.service_model.resolved_protocol
    # Of services that speak several protocols, the stand-ins speak JSON or the query protocol.
    if "cbor" in protocol or "json" in protocol:
        is_xml = reply["body"].startswith("<")
        protocol = "query" if is_xml else protocol.replace("smithy-rpc-v2-cbor", "json")
    parser = create_parser(protocol)
    kind = "text/xml" if reply["body"].startswith("<") else "application/json"
    response = {
        "status_code": reply["status"],
        "headers": {"content-type": kind},
        "body": reply["body"].encode(),
    }
    parsed = json.dumps(parser.parse(response, model.output_shape), default=instant)
    said, code = texts(reply["body"])
    if reply["status"] >= 300:
        names = [error.error_code for error in model.error_shapes]
        names += [error.name for error in model.error_shapes]
        if code not in names:
            yield f"{reply['operation']}: {code} is not one of its errors: {sorted(set(names))}"
    for text in said:
        # The type of an error (`Sender`) is not told by every version.
        if text not in parsed and text != "Sender":
            yield f"{reply['operation']}: {text!r} is not understood"


def main(path):
    with open(path, encoding="utf-8") as file:
        replies = json.load(file)
    session = botocore.session.get_session()
    found = [finding for reply in replies for finding in findings(reply, session)]
    print("\n".join(found), end="")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
