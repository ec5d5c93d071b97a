"""Every store asks for its password: the right one is let in, a wrong one and none at all are not.

Method: each server is asked three times in a row, from a pod that may reach its port. That the right password is let in
shows that the server is up, so that the others were refused and not merely unanswered; the words of each refusal are
looked at too. Passwords go in by standard input and are cut out of what is shown. A failure means that whoever gets
into such a pod can read, or spoil, what is stored.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from deploy import credentials
from deploy.cluster import Cluster
from tests import cron_jobs
from tests.cron_jobs import Hands

pytestmark = [pytest.mark.live, pytest.mark.security, pytest.mark.nightly]

GUESSED, NONE = "guessed", ""
READ = "IFS= read -r given; exec 2>&1; "
PSQL = READ + (
    'unset PGPASSWORD; [ -z "$given" ] || export PGPASSWORD="$given"; psql --no-password --no-psqlrc -qtA '
    '-c "SELECT 1" "host=$1 user=$2 dbname=$3 connect_timeout=10" || true'
)
REDIS = READ + (
    'unset REDISCLI_AUTH; [ -z "$given" ] || export REDISCLI_AUTH="$given"; redis-cli -h "$1" -p "$2" PING || true'
)
OPENSEARCH = READ + (
    '{ [ -z "$given" ] || printf \'user = "%s:%s"\\n\' "$ES_USERNAME" "$given"; } | curl --config - --silent '
    '--show-error --max-time 15 --cacert "$ES_TLS_CA" --output /dev/null --write-out "%{http_code}" "$ES_SERVER_URLS"'
)
PGBACKREST = READ + 'export "$1=$given"; pgbackrest --stanza=shop info || true'
PRIMARY, SOCKET = "postgres.data.svc.cluster.local", "/run/postgresql"
ROLES = {"superuser": "postgres", "replication": "replication", "monitoring": "monitoring"}
OWNERS = {"shop": "shop", "backup": "backup"}
DATABASES = [(role, name, "postgres") for role, name in ROLES.items()] + [(r, n, "shop") for r, n in OWNERS.items()]
HOSTS = [f"redis-{number}.redis-pods.data.svc.cluster.local" for number in range(3)]


def told(asker: Hands, password: str, script: str, *words: str) -> tuple[str, str, str]:
    """Returns what is answered to the right password, to a wrong one and to none; `password` names the right one."""
    secret = credentials.of(asker.cluster)[password]
    answers = (asker.do(script, *words, stdin=f"{given}\n") for given in (secret, GUESSED, NONE))
    right, wrong, none = (answer.replace(secret, "(the password)") for answer in answers)
    return right, wrong, none


@pytest.mark.parametrize(("role", "name", "database"), DATABASES, ids=[name for _, name, _ in DATABASES])
def test_postgresql_lets_in_the_right_password_only(kind_cluster: Cluster, role: str, name: str, database: str) -> None:
    asker = Hands(kind_cluster, "data", "postgres-0", "postgres")
    right, wrong, none = told(asker, f"{role}-password", PSQL, PRIMARY, name, database)
    assert right == "1"
    assert f'password authentication failed for user "{name}"' in wrong
    assert "no password supplied" in none


@pytest.mark.control
def test_a_door_without_a_lock_is_noticed(kind_cluster: Cluster) -> None:
    # Inside its own container PostgreSQL knows its system's user by the socket and asks for no password.
    asker = Hands(kind_cluster, "data", "postgres-0", "postgres")
    assert told(asker, "superuser-password", PSQL, SOCKET, "postgres", "postgres") == ("1", "1", "1")


@pytest.mark.parametrize("port", [6379, 26379], ids=["redis", "sentinel"])
@pytest.mark.parametrize("host", HOSTS, ids=lambda host: host.partition(".")[0])
def test_redis_and_its_sentinels_let_in_the_right_password_only(kind_cluster: Cluster, host: str, port: int) -> None:
    asker = Hands(kind_cluster, "data", "redis-0", "redis")
    right, wrong, none = told(asker, "redis-password", REDIS, host, str(port))
    assert right == "PONG"
    assert "WRONGPASS" in wrong
    assert "PONG" not in wrong
    assert none.startswith("NOAUTH")


@pytest.fixture
def storage_client(kind_cluster: Cluster) -> Iterator[Hands]:
    """A pod that the network policy lets to OpenSearch, with its address and authority."""
    image = kind_cluster.pods("tracing", "app=opensearch")[0].spec.containers[0].image
    with cron_jobs.hands(
        kind_cluster, "tracing", "jaeger-rollover", lambda spec: spec["containers"][0].update(image=image)
    ) as pod:
        yield pod


def test_opensearch_lets_in_the_right_password_only(storage_client: Hands) -> None:
    assert told(storage_client, "opensearch-password", OPENSEARCH) == ("200", "401", "401")


@pytest.mark.parametrize(
    ("password", "variable", "refusal"),
    [
        ("s3-backup", "PGBACKREST_REPO1_S3_KEY_SECRET", "403"),
        # Once in 256 times what a wrong one makes ends as if it were right, and is no information all the same.
        ("backup-encryption", "PGBACKREST_REPO1_CIPHER_PASS", "CryptoError|FormatError"),
    ],
    ids=["key", "passphrase"],
)
def test_pgbackrest_reads_its_repository_with_the_right_key_and_passphrase_only(
    kind_cluster: Cluster, password: str, variable: str, refusal: str
) -> None:
    asker = Hands(kind_cluster, "data", "postgres-0", "postgres")
    right, wrong, none = told(asker, password, PGBACKREST, variable)
    assert "status: ok" in right
    assert re.search(refusal, wrong)
    assert "status: ok" not in wrong + none
