#include "bottle/egress_addon.h"

namespace bottled {

constexpr std::string_view kEgressAddon =
    R"python("""The egress gate: an mitmproxy add-on.

Lets through what routes.yaml lists and nothing else, and gives requests the
credentials that the guest must not have. Whatever goes wrong in here refuses
the request: mitmproxy itself would log the exception and go on.
"""

import json
import logging
import os
import re
from urllib.parse import unquote

from mitmproxy import ctx, exceptions, http

ROUTES = os.environ.get(
    "BOTTLED_EGRESS_ROUTES",
    os.path.join(os.path.dirname(os.path.abspath(__file__)), "routes.yaml"))
KEYS = {"host", "path_allowlist", "auth_scheme", "token_env"}
# Options that take connections away from the hooks below.
BYPASSES = ("ignore_hosts", "allow_hosts", "tcp_hosts", "udp_hosts")
# mitmproxy takes what flows to these for DNS, without asking anybody.
DNS_PORTS = (53, 5353)
# How often a path may be percent-encoded.
MAX_DECODE = 4

log = logging.getLogger("bottled.egress")


class Refused(Exception):
    """Why a request is answered with 403. Never holds a secret."""


def load_routes(path):
    """Routes by host. routes.yaml is written as JSON, which YAML contains."""
    with open(path, encoding="utf-8") as file:
        routes = json.load(file)["routes"]
    by_host = {}
    for route in routes:
        if not KEYS >= route.keys() >= {"host", "path_allowlist"}:
            raise ValueError("unknown or missing key in a route")
        if ("auth_scheme" in route) != ("token_env" in route):
            raise ValueError("auth_scheme and token_env come together")
        route["prefixes"] = [readings(p) for p in route["path_allowlist"]]
        by_host.setdefault(route["host"], []).append(route)
    return by_host


def plain_name(host):
    """A host as routes spell it: lower case, no port, no final dot."""
    return re.sub(r":[0-9]*$", "", host).lower().rstrip(".")


def patterns(host):
    """What may list `host`, the most specific first. *.x lists x as well."""
    yield host
    labels = host.split(".")
    for i in range(len(labels)):
        yield "*." + ".".join(labels[i:])


def segments(path):
    """The path's parts, and the same with every .. resolved."""
    literal, resolved = [], []
    for part in path.replace("\\", "/").split("/"):
        name = part.split(";", 1)[0]
        if name in ("", "."):
            continue
        literal.append(part)
        if name == "..":
            if not resolved:
                raise Refused("the path leaves the root")
            resolved.pop()
        else:
            resolved.append(part)
    return literal, resolved


def readings(path):
    """Everything that some server may take `path` for."""
    out = []
    for _ in range(MAX_DECODE):
        out += segments(path)
        decoded = unquote(path, "latin-1")
        if any(ord(c) < 0x20 or ord(c) == 0x7f for c in decoded):
            raise Refused("the path has a control character")
        if decoded == path:
            return out
        path = decoded
    raise Refused("the path is encoded too often")


def under(prefix, path):
    """Whether each reading of the path is under a reading of the prefix."""
    return all(any(p[:len(q)] == q for q in prefix) for p in path)


class Egress:
    def __init__(self):
        self.routes = {}
        try:
            self.routes = load_routes(ROUTES)
        except Exception as error:
            log.error("no routes, everything is refused: %s", error)

    def load(self, loader):
        # What does not look like HTTP shall be refused, not passed on.
        ctx.options.rawtcp = False

    def configure(self, updated):
        if ctx.options.rawtcp:
            raise exceptions.OptionsError("rawtcp goes around the routes")
        for name in BYPASSES:
            if getattr(ctx.options, name, None):
                raise exceptions.OptionsError(name + " goes around the routes")

    def find(self, host, port):
        """The routes of a host: those of its most specific pattern."""
        if port in DNS_PORTS:
            raise Refused("the port is not for HTTP")
        for pattern in patterns(host):
            if pattern in self.routes:
                return self.routes[pattern]
        raise Refused("the host is not listed")

    def choose(self, flow):
        request = flow.request
        host = plain_name(request.host)
        routes = self.find(host, request.port)
        others = request.headers.get_all("host")
        others += [request.authority, flow.client_conn.sni]
        if any(other and plain_name(other) != host for other in others):
            raise Refused("the request names two hosts")
        path = request.path.split("?", 1)[0].split("#", 1)[0]
        for route in routes:
            if not route["prefixes"]:
                return route
            if path.startswith("/"):
                read = readings(path)
                if any(under(p, read) for p in route["prefixes"]):
                    return route
        raise Refused("the path is not listed")

    def authorize(self, request, route):
        if "token_env" not in route:
            return
        if request.scheme != "https":
            raise Refused("credentials go over https only")
        token = os.environ.get(route["token_env"], "")
        if not re.fullmatch(r"[\x21-\x7e]+", token):
            log.error("%s is not set, or not one word", route["token_env"])
            raise Refused("the bundle has no credentials for it")
        request.headers["Authorization"] = route["auth_scheme"] + " " + token

    def guard(self, flow, decide):
        if flow.response is not None:
            return
        try:
            decide()
            return
        except Refused as refusal:
            why = str(refusal)
        except Exception as error:
            why = "the gate failed"
            log.error("%s", type(error).__name__)
        log.warning("refused %s: %s", ascii(flow.request.host), why)
        flow.request.stream = False
        flow.response = http.Response.make(
            403, "bottled egress: " + why + "\n",
            {"Content-Type": "text/plain"})

    def http_connect(self, flow):
        self.guard(flow, lambda: self.find(plain_name(flow.request.host),
                                           flow.request.port))

    def requestheaders(self, flow):
        self.guard(flow, lambda: self.authorize(flow.request,
                                                self.choose(flow)))

    def tcp_start(self, flow):
        flow.kill()

    def udp_start(self, flow):
        flow.kill()

    def dns_request(self, flow):
        flow.kill()


addons = [Egress()]
)python";

}  // namespace bottled
