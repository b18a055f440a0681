"""What `--help` shows of each command beside its flags: examples that work as they are (most with --demo, which needs no cluster)."""

EXAMPLES: dict[str, tuple[str, ...]] = {
    "interactive": (
        "k8sagent --demo                       a recorded cluster; needs nothing else",
        "k8sagent --context prod-eu -n shop",
        "k8sagent interactive --plain          line by line, for screen readers",
    ),
    "troubleshoot": (
        'k8sagent troubleshoot --demo -n shop -q "why is checkout-api restarting?"',
        'k8sagent troubleshoot -n shop -q "pod keeps restarting" --pod web-0 --output json',
        'kubectl logs web-0 | k8sagent troubleshoot -q "what is wrong here?"',
        'k8sagent troubleshoot --demo -q "scale cart-api in shop to 3" \\',
        '    --approve-exact "kubectl scale deployment cart-api --replicas=3 -n shop"',
    ),
    "check": (
        "k8sagent check --demo -A",
        "k8sagent check deploy/checkout-api --demo -n shop",
        "k8sagent check -A --only certificates,security --output json",
        "k8sagent check --contexts 'prod-*' -A        several clusters, and what differs",
    ),
    "logs": ("kubectl logs web-0 --previous | k8sagent logs", "k8sagent logs app.log --output json"),
    "intent": (
        "k8sagent intent why is checkout failing",
        """echo '{"id":1,"query":"list pods"}' | k8sagent intent --jsonl""",
    ),
    "policy": (
        'k8sagent policy "kubectl delete pod web-0" --explain',
        """echo '{"id":1,"command":"kubectl get pods"}' | k8sagent policy --jsonl""",
    ),
    "redact": ("kubectl describe pod web-0 | k8sagent redact", "k8sagent redact < app.log > app.redacted.log"),
    "docs": ("k8sagent docs search CrashLoopBackOff", "k8sagent docs list"),
    "docs search": ("k8sagent docs search CrashLoopBackOff", "k8sagent docs search volume does not bind --limit 3 --output json"),
    "docs list": ("k8sagent docs list --output json",),
    "docs index": ("k8sagent docs index",),
    "docs show": ("k8sagent docs show crash-loop.md",),
    "docs draft": ("k8sagent docs draft 20260102 > checkout.md",),
    "snapshot": ("k8sagent snapshot record shop.tar.gz -n shop", "k8sagent snapshot info shop.tar.gz"),
    "snapshot record": ("k8sagent snapshot record everything.tar.gz", "k8sagent snapshot record shop.tar.gz -n shop,payments --tail 500"),
    "snapshot info": ("k8sagent snapshot info shop.tar.gz --output json",),
    "snapshot serve": ("k8sagent snapshot serve                     the bundled demo", "k8sagent snapshot serve shop.tar.gz --writable"),
    "health": ("k8sagent health", "k8sagent health --context prod-eu --output json"),
    "serve": ("k8sagent serve --demo", "k8sagent serve --context staging --port 0", "k8sagent serve --demo --writable"),
    "sessions": ("k8sagent sessions list", "k8sagent sessions export 20260102 > post-mortem.md"),
    "sessions list": ("k8sagent sessions list --output json",),
    "sessions show": ("k8sagent sessions show 20260102",),
    "sessions export": (
        "k8sagent sessions export 20260102 > post-mortem.md",
        "k8sagent sessions export 20260102 --format json | jq '.[].event'",
    ),
    "sessions undo": (
        "k8sagent sessions undo 20260102",
        'k8sagent sessions undo 20260102 --approve-exact "kubectl scale deployment/web -n shop --replicas=2"',
    ),
    "sessions resume": ("k8sagent sessions resume 20260102", "k8sagent sessions resume 20260102 --plain"),
    "audit": ("k8sagent audit verify",),
    "audit verify": ("k8sagent audit verify --output json",),
    "config": ("k8sagent config show", "k8sagent config init"),
    "config show": ("k8sagent config show", "K8SAGENT_MODEL_NAME=qwen2.5:7b k8sagent config show --output json"),
    "config path": ("$EDITOR $(k8sagent config path)",),
    "config init": ("k8sagent config init", "k8sagent config init --force        the old file is kept as k8sagent.toml.bak"),
    "setup": ("k8sagent setup", "k8sagent setup --yes", "k8sagent setup --print-role | kubectl apply -f -"),
    "completion": (
        'eval "$(k8sagent completion bash)"              in ~/.bashrc',
        'eval "$(k8sagent completion zsh)"               in ~/.zshrc, after compinit',
        "k8sagent completion fish > ~/.config/fish/completions/k8sagent.fish",
    ),
    "schema": ("k8sagent schema", "k8sagent schema answer > answer.schema.json"),
    "host": ("k8sagent host check",),
    "host check": ("k8sagent host check", "k8sagent host check node-1 node-2 --output json"),
}
"""Command (without `k8sagent`) to its examples, one a line."""


def epilog(command: str) -> str:
    """The last lines of a command's help."""
    return "\n".join(["examples:", *(f"  {line}" for line in EXAMPLES.get(command, ()))]) if command in EXAMPLES else ""
