"""Questions to try, as GET /examples gives them."""

from __future__ import annotations

EXAMPLES: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "Pods",
        (
            "my pod is in CrashLoopBackOff",
            "why is checkout-api restarting?",
            "ImagePullBackOff error on a deployment",
            "pod keeps getting OOMKilled",
            "pod is stuck in Pending state",
        ),
    ),
    (
        "Cluster",
        (
            "show me all failing pods in all namespaces",
            "check node resource usage",
            "what warning events happened recently?",
        ),
    ),
    ("Logs, with the log as `attachment`", ("what is wrong with my application logs?",)),
    ("Changes, which ask first", ("scale deployment cart-api in shop to 3", "restart deployment cart-api in shop")),
)
