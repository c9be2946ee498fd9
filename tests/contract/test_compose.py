"""The files of Docker Compose: valid by the schema of the format, and true to the settings and the image.

No test starts them: that needs a container engine, which the machines of the tests do not have.
"""

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema.validators import validator_for

from service.settings import PREFIX, Settings
from tests.contract.promtool import promtool
from tools.generate import ROOT

FOLDER = ROOT / "compose"
COMPOSE: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]


def test_the_schema_of_the_format_accepts_the_file() -> None:
    text = (files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json").read_text()
    schema = json.loads(text)
    validator = validator_for(schema)(schema)
    assert [error.message for error in validator.iter_errors(COMPOSE)] == []
    broken = COMPOSE | {"services": {"api": {"imagee": "x"}}}
    assert list(validator.iter_errors(broken)) != []


def test_there_is_all_that_belongs_to_triage() -> None:
    assert set(SERVICES) == {"redis", "api", "worker", "prometheus", "grafana"}
    assert SERVICES["worker"]["deploy"]["replicas"] == 2
    for service in SERVICES.values():
        assert set(service.get("depends_on", ())) <= SERVICES.keys()
        assert re.fullmatch(r"[\w./-]+:[\w.-]+", service["image"])
        assert not service["image"].endswith(":latest")
        # Without a key or a password, so for this machine only.
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))


@pytest.mark.parametrize("name", ["api", "worker"])
def test_the_environment_is_a_valid_configuration(name: str) -> None:
    given: Any = {
        key.removeprefix(PREFIX).lower(): value for key, value in SERVICES[name]["environment"].items()
    }
    assert given.keys() <= Settings.model_fields.keys()
    # TRIAGE_HOST of the image.
    values: Any = {"host": "0.0.0.0", **given}
    settings = Settings(**values)
    assert settings.auth == "required"
    assert settings.redis_url.startswith("redis://redis:")
    grace = SERVICES["worker"]["stop_grace_period"]
    assert int(grace.removesuffix("s")) >= settings.drain_seconds + 15


def test_redis_keeps_jobs() -> None:
    words = " ".join(SERVICES["redis"]["command"])
    assert "--appendonly yes" in words
    assert "--maxmemory-policy noeviction" in words


def test_every_mounted_file_exists() -> None:
    mounts = [mount for service in SERVICES.values() for mount in service.get("volumes", ())]
    local = [mount.partition(":")[0] for mount in mounts if mount.startswith(".")]
    assert len(local) == 5
    assert [path for path in local if not (FOLDER / path).exists()] == []
    assert (FOLDER / SERVICES["api"]["build"]["context"] / "Dockerfile").exists()
    named = {mount.partition(":")[0] for mount in mounts if not mount.startswith(".")}
    assert named == set(COMPOSE["volumes"])


@pytest.mark.processes
def test_prometheus_accepts_its_configuration_and_scrapes_both_kinds_of_process(tmp_path: Path) -> None:
    text = (FOLDER / "prometheus.yaml").read_text()
    config = yaml.safe_load(text)
    api, worker = config["scrape_configs"]
    assert api["static_configs"] == [{"targets": ["api:8080"]}]
    assert (worker["dns_sd_configs"][0]["names"], worker["dns_sd_configs"][0]["port"]) == (["worker"], 8081)
    rules = "/etc/prometheus/rules/triage.yaml"
    assert config["rule_files"] == [rules]
    assert any(mount.endswith(f"{rules}:ro") for mount in SERVICES["prometheus"]["volumes"])
    file = tmp_path / "prometheus.yaml"
    file.write_text(text.replace(rules, str(ROOT / "helm/triage/rules/triage.yaml")))
    promtool("check", "config", file)


def test_grafana_has_the_dashboard_and_its_data_source() -> None:
    grafana = SERVICES["grafana"]
    mounts = dict(mount.removesuffix(":ro").split(":") for mount in grafana["volumes"])
    (source,) = yaml.safe_load((FOLDER / "grafana/datasources.yaml").read_text())["datasources"]
    assert (source["type"], source["url"]) == ("prometheus", "http://prometheus:9090")
    (provider,) = yaml.safe_load((FOLDER / "grafana/dashboards.yaml").read_text())["providers"]
    folder = next(
        ROOT / "compose" / local for local, there in mounts.items() if there == provider["options"]["path"]
    )
    home = grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    dashboard = json.loads((folder / Path(home).name).read_text())
    assert dashboard["title"] == "Triage"
