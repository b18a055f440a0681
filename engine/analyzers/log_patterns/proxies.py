"""What web servers and proxies say: nginx, Envoy, HAProxy, Traefik, Apache."""

# ruff: noqa: E501 - a pattern stands on one line, so that the table can be read and compared
from __future__ import annotations

from engine.analyzers.log_patterns.pattern import Pattern, say

# Wordings: nginx (src/core, src/http/ngx_http_upstream.c), envoy (source/server, source/common), haproxy (src/checks.c, src/server.c),
# traefik (pkg/provider, pkg/server), httpd (server/mpm_common.c, docs/log-message-tags).
PROXIES: tuple[Pattern, ...] = (
    # nginx
    say("nginx", "ReadOnlyFileSystem", "nginx cannot make its cache folder {path}: the file system there is read-only", 'mkdir() "{path}" failed (30: Read-only file system)', 'open() "{path}" failed (30: Read-only file system)', weight=98, fix="mount an emptyDir there (/var/cache/nginx, /var/run, /tmp)", docs=("readOnlyRootFilesystem",)),
    say("nginx", "PermissionDenied", "nginx may not make {path}: it does not run as root", 'mkdir() "{path}" failed (13: Permission denied)', 'open() "{path}" failed (13: Permission denied)', weight=97, fix="use the unprivileged image (nginxinc/nginx-unprivileged), or mount an emptyDir there", docs=("permission denied", "securityContext")),
    say("nginx", "UpstreamError", "no server of nginx's upstream is left: each has failed ({error})", "no live upstreams while connecting to upstream", weight=66, peer=True, docs=("upstream",)),
    say("nginx", "LimitExceeded", "nginx refuses a request body that is too large ({error})", "client intended to send too large body: {number} bytes", weight=90, at_once=True, fix="raise client_max_body_size (nginx.ingress.kubernetes.io/proxy-body-size)", docs=("nginx", "request size")),
    say("nginx", "LimitExceeded", "the response's headers are larger than nginx's buffer ({error})", "upstream sent too big header while reading response header", weight=93, at_once=True, fix="raise proxy_buffer_size", docs=("nginx",)),
    say("nginx", "ServerOverloaded", "nginx has no worker connection left ({error})", "{number} worker_connections are not enough", "worker_connections exceed open file resource limit", weight=93, at_once=True, docs=("nginx",)),
    say("nginx", "RateLimited", "nginx limits the rate of the client ({error})", "limiting requests, excess: {number}", "limiting connections by zone", weight=76, at_once=True, docs=("rate limit",)),
    say("nginx", "NameNotResolved", "the host name {host} does not resolve in DNS ({error})", "{host} could not be resolved ({number}: Host not found)", "{host} could not be resolved ({number}: {reason})", weight=90, peer=True, docs=("DNS name",)),
    say("ingress-nginx", "InvalidConfigurationFile", "the ingress controller's new configuration is refused by nginx ({error})", "Unexpected failure reloading the backend", "Error reloading NGINX", weight=84, at_once=True, docs=("ingress controller",)),
    say("ingress-nginx", "MissingBackend", "an Ingress names a Service or Secret that is missing ({error})", "Error obtaining Endpoints for Service {what}", "Service {what} does not have any active Endpoint", "Error getting SSL certificate {what}", weight=80, at_once=True, docs=("ingress backend",)),
    # Envoy
    say("Envoy", "InvalidConfigurationFile", "Envoy refuses its configuration ({error})", "error initializing configuration '{path}': {reason}", "error parsing response, {reason}", "Proto constraint validation failed", "Unable to parse JSON as proto", weight=88, docs=("configuration file", "envoy")),
    say("Envoy", "PrivilegedPort", "it may not listen on port {port}, which is below 1024, as this user", "cannot bind '{host}:{port}': Permission denied", weight=96, docs=("securityContext", "privileged port")),
    say("Envoy", "PortInUse", "its port is already in use ({error})", "cannot bind '{host}:{number}': Address already in use", weight=96, docs=("port in use",)),
    say("Envoy", "ConfigurationNotDelivered", "Envoy gets no configuration from its control plane ({error})", "gRPC config stream to {name} closed: {reason}", "gRPC config for {name} rejected: {reason}", "initial fetch timed out for", "Envoy proxy is NOT ready: config not received from XDS server", "config not received from", weight=72, peer=True, at_once=True, docs=("envoy", "service mesh")),
    say("Envoy", "UpstreamError", "its upstream does not answer ({error})", "no healthy upstream", "upstream connect error or disconnect/reset before headers. {reason}", weight=52, peer=True, docs=("upstream",)),
    # HAProxy
    say("HAProxy", "UpstreamError", "HAProxy's backend {name} has no server left: every health check fails", "backend '{name}' has no server available", "proxy {name} has no server available", weight=90, peer=True, at_once=True, docs=("haproxy", "upstream")),
    say("HAProxy", "UpstreamError", "HAProxy marks server {name} as down, since its health check fails: {reason}", "Server {name} is DOWN, reason: {reason}", weight=70, peer=True, docs=("haproxy", "upstream")),
    say("HAProxy", "InvalidConfigurationFile", "HAProxy refuses its configuration ({error})", "parsing [{path}:{number}] : {reason}", "Fatal errors found in configuration", "Error(s) found in configuration file", weight=94, docs=("configuration file", "haproxy")),
    # Traefik
    say("Traefik", "CertificateNotIssued", "no ACME certificate could be obtained: {reason}", "Unable to obtain ACME certificate for domains: {reason}", weight=96, at_once=True, fix="see that the challenge reaches this proxy (DNS record, port 80, no other Ingress in the way)", docs=("ACME", "certificate")),
    say("Traefik", "MissingBackend", "an Ingress or IngressRoute names a Service, Secret or middleware that is missing ({error})", "Cannot create service: {reason}", "kubernetes service not found: {name}", "error configuring TLS: secret {name} does not exist", "middleware {name} does not exist", weight=86, at_once=True, docs=("ingress backend",)),
    say("Traefik", "InvalidConfigurationFile", "Traefik refuses its configuration ({error})", "command traefik error: {reason}", weight=92, docs=("configuration file",)),
    # Apache httpd
    say("Apache", "InvalidConfigurationFile", "Apache refuses its configuration: {reason}", "Configuration error: {reason}", "AH00526: Syntax error on line {number} of {path}", "Invalid command '{name}', perhaps misspelled or defined by a module not included", "AH00014: Configuration check failed", weight=95, docs=("configuration file", "apache")),
    say("Apache", "ServerOverloaded", "Apache has no worker left ({error})", "server reached MaxRequestWorkers setting, consider raising the MaxRequestWorkers setting", "server is within MinSpareThreads of MaxRequestWorkers", at_once=True, fix="raise MaxRequestWorkers, or find what makes requests slow", docs=("apache",)),
    say("Apache", "PrivilegedPort", "it may not listen on a port below 1024 as this user ({error})", "(13)Permission denied: AH00072: make_sock: could not bind to address", weight=97, docs=("securityContext", "privileged port")),
    say("Apache", "PermissionDenied", "Apache may not write its pid or log file ({error})", "could not open error log file {path}", "AH00091: {reason}", "AH00100: apache2: could not log pid to file {path}", weight=94, docs=("permission denied",)),
)  # fmt: skip
