"""The registry record of a live worker."""

from service.domain.worker import WorkerRecord

WORKER = "wk_01M85QCM3VN2A0H686WCBXCF8E"


def worker(now: int) -> WorkerRecord:
    return WorkerRecord(WORKER, "host", 7, "0.1.0", {"default": 3}, ("work",), "running", 1, 20, now, now)
