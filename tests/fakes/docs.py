"""`SmallDocs`: a real documentation desk over a folder of a few fixed pages, so that the screen's tests see real searches."""

from __future__ import annotations

from pathlib import Path

from engine.agent.documentation import Documentation
from index.store import Folder, Library

PAGES = {
    "claims.md": """---
title: Claim stays Pending
codes: [PvcPending]
---
# Claim stays Pending

## Symptoms

```text
storageclass.storage.k8s.io "premium-ssd" not found
```

## Diagnose

See which classes there are, and **which one** the claim asks for:

```bash
kubectl get storageclass
kubectl get pvc my-claim \\
  -n my-namespace -o yaml
```

- a class that is missing: make it
- no class at all: mark one as default

## Fix

The claim holds no data, so it may be made anew:

```bash
kubectl delete pvc my-claim -n my-namespace
```
""",
    "crashes.md": "# Crashes\n\n## Symptoms\n\nCrashLoopBackOff with exit code 1.\n\n## Fix\n\nRead the log; add what it lacks.\n",
    "hostile.md": "# A [bold red]page[/] with \x1b[31mcolours\n\n[@click=app.quit]press[/] the widget `[/x]`\n",
}
INCIDENT = (
    '---\ntitle: "PvcPending: data-orders-db-0"\ncodes: [PvcPending]\n---\n# PvcPending: data-orders-db-0\n\nThe claim was Pending.\n'
)


class SmallDocs(Documentation):
    """Opened at once, on the calling thread."""

    def __init__(self, folder: Path, cache: Path) -> None:
        incidents = folder / "incidents"
        pages = folder / "docs"
        for path, files in ((pages, PAGES), (incidents, {"20260105-101500-pvc-pending-1a2b3c4d.md": INCIDENT})):
            path.mkdir(parents=True)
            for name, text in files.items():
                (path / name).write_text(text)
        super().__init__(incidents=incidents)
        self.cache = cache
        self.pages = pages
        self.open()

    def _create(self) -> Library:
        return Library([Folder(self.pages)], self.cache)
