"""The command line in its own process."""

import subprocess
import sys

from tests.e2e.processes import ROOT, Cluster


def triage(cluster: Cluster, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from service.cli import main; main()", *arguments],
        env={**cluster.environment, "TRIAGE_URL": str(cluster.http.base_url)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
