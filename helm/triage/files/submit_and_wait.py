"""Run by `helm test`: submits a job and waits until it has succeeded; without a job, checks readiness."""

import json
import os
import sys
import time
import uuid

import httpx

until = time.monotonic() + float(os.environ["SECONDS"])
# With the idempotency key it is safe to retry after a lost response.
headers = {"Authorization": f"Bearer {os.environ['KEY']}", "Idempotency-Key": str(uuid.uuid4())}
with httpx.Client(base_url=os.environ["URL"], headers=headers, timeout=40) as http:
    if not json.loads(os.environ["JOB"])["name"]:
        answer = http.get("/readyz")
        sys.exit(None if answer.status_code == 200 else f"{answer.status_code}: {answer.text}")
    answer = http.post("/v1/jobs", content=os.environ["JOB"], headers={"Content-Type": "application/json"})
    if answer.status_code >= 300:
        sys.exit(f"{answer.status_code}: {answer.text}")
    job = answer.json()
    while job["state"] not in ("succeeded", "dead", "cancelled"):
        if time.monotonic() > until:
            sys.exit(f"{job['id']} is {job['state']} after {os.environ['SECONDS']} seconds")
        path, etag = f"/v1/jobs/{job['id']}", f'"{job["version"]}"'
        answer = http.get(path, params={"wait": 10}, headers={"If-None-Match": etag})
        job = job if answer.status_code == 304 else answer.raise_for_status().json()
print(job["id"], job["state"])
sys.exit(job["state"] != "succeeded")
