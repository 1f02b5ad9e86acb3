"""How a server hands out one large file, beside nginx.

    python3 benches/downloads.py --file FILE --url URL [--url-pid PID] [--runs 5] [--slow 200] [--slow-seconds 20]
                                 [--header 'Authorization: Bearer ...'] [--nginx-workers 1] [--json]

A running server, process PID, hands out FILE at URL, over plain HTTP on this computer. nginx is started here twice,
once with sendfile, as packages configure it, and once without and with `output_buffers 2 512k`. It listens on
127.0.0.1 only, but whoever works on this computer can get FILE from it meanwhile. Two measurements:

Throughput. The three take turns, --runs rounds of one download each by curl into /dev/null. Before that each is
downloaded once and its SHA-256 compared with FILE's, which also brings FILE into the page cache; a run during which
something was read from disks nevertheless is warned about. `client` is the share of the time curl was computing: near
1 the client is the limit and a faster server would not show, so look at the processor time then.

Slow clients. --slow connections ask for the whole file and read 64 KiB/s each. Meanwhile the memory of the server is
sampled, and curl sends about five HEAD requests a second. The first size of each pair is after the downloads, so what
an allocator keeps from those is in it. What the kernel holds in socket buffers belongs to no process and is in no
figure.

Processor time is user and system time of all threads, in steps of 10 ms on most kernels. On loopback it has most of
the receiver's TCP work in it, for all servers alike, and sendfile gains less than with a network card, which can
fetch the pages by itself. Without --url-pid the server's processor time and memory are left out. nginx is counted
without its master process, which serves nothing; PID is counted with all processes below it.

Needs Linux, Python 3.11, curl and nginx. Prints Markdown tables; with --json, JSON, and the tables on standard error.
"""

import argparse
import contextlib
import dataclasses
import hashlib
import json
import os
import platform
import re
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

Address = tuple[Any, ...]
Figures = dict[str, Any]
Memory = tuple[int, int]  # VmRSS and RssAnon in bytes

GIB, MIB, KIB = 2**30, 2**20, 2**10
TICKS = os.sysconf("SC_CLK_TCK")
SLOW_RATE = 64 * KIB
SLOW_BUFFER = 16 * KIB  # the kernel doubles it; far below what a server would like to send ahead
TURN = 1 / 8  # seconds between two reads of a slow client
HEAD_PAUSE = 0.2
HEAD_LIMIT = 10
QUIET_HEADS = 20
SETTLE = 1.0  # seconds for a server to notice closed connections
CHECKABLE = 256 * MIB  # serving this much takes any server several ticks
OURS, SENDFILE, BUFFERS = "measured", "nginx, sendfile", "nginx, buffers 2 x 512k"

CONFIG = """\
{user}
worker_processes {workers};
daemon off;
pid nginx.pid;
error_log stderr;
events {{ worker_connections {connections}; }}
http {{
    access_log off;
    client_body_temp_path temp;
    proxy_temp_path temp;
    fastcgi_temp_path temp;
    uwsgi_temp_path temp;
    scgi_temp_path temp;
    {sending}
    server {{
        listen 127.0.0.1:{port};
        root www;
    }}
}}
"""


class Failure(Exception):
    """Ends the program with one sentence."""


@dataclasses.dataclass
class Server:
    """One of the servers; `pid` None where nobody said which process it is."""

    name: str
    url: str
    pid: int | None
    headers: list[str] = dataclasses.field(default_factory=list)
    master: bool = False  # pid only minds the workers and is not counted

    def processes(self) -> list[int]:
        """The processes to count."""
        if self.pid is None:
            return []
        found = tree(self.pid)
        return found[1:] if self.master else found


@dataclasses.dataclass
class Run:
    """One download. `cpu` is the server's, `client` curl's, in seconds."""

    seconds: float
    cpu: float | None
    client: float
    disk: int


@dataclasses.dataclass
class Heads:
    """Seconds of the HEAD requests that were answered, and how often which status came, "none" for no answer."""

    seconds: list[float] = dataclasses.field(default_factory=list)
    statuses: Counter[str] = dataclasses.field(default_factory=Counter)


# The kernel's books


def proc(pid: int, name: str) -> str:
    """A file of a process."""
    try:
        return Path(f"/proc/{pid}/{name}").read_text()
    except (FileNotFoundError, ProcessLookupError):
        raise Failure(f"There is no process {pid}, or it ended: give the --url-pid of the running server.") from None


def tree(pid: int) -> list[int]:
    """A process and all below it, itself first."""
    found = [pid]
    for thread in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):  # a thread may end while it is looked at
            for child in map(int, thread.read_text().split()):
                found += tree(child)
    return found


def cpu_seconds(server: Server) -> float | None:
    """What the server has used so far, children that have ended included."""
    if server.pid is None:
        return None
    # utime, stime, cutime and cstime; the name before may hold blanks and brackets.
    ticks = (proc(pid, "stat").rpartition(")")[2].split()[11:15] for pid in server.processes())
    return sum(int(number) for numbers in ticks for number in numbers) / TICKS


def memory(server: Server) -> Memory:
    """VmRSS and RssAnon of the server now, in bytes."""
    text = "\n".join(proc(pid, "status") for pid in server.processes())
    sizes = (re.findall(rf"^{name}:\s+(\d+) kB$", text, re.MULTILINE) for name in ("VmRSS", "RssAnon"))
    resident, anonymous = (sum(map(int, found)) * KIB for found in sizes)
    return resident, anonymous


def disk_reads() -> int:
    """Bytes the computer has read from its disks since it started."""
    found = re.search(r"^pgpgin (\d+)$", Path("/proc/vmstat").read_text(), re.MULTILINE)
    return int(found[1]) * KIB if found else 0


# nginx


def free_port() -> int:
    """A port nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def write_folder(folder: Path, file: Path, port: int, sending: str, arguments: argparse.Namespace) -> None:
    """Everything nginx needs, with paths relative to the folder so that none has to be quoted."""
    (folder / "www").mkdir()
    (folder / "www" / "file").symlink_to(file)
    config = CONFIG.format(
        # Workers of a root's nginx would become a user who may not be allowed to read FILE.
        user="user root;" if os.geteuid() == 0 else "",
        workers=arguments.nginx_workers,
        connections=max(1024, 2 * arguments.slow + 64),
        sending=sending,
        port=port,
    )
    (folder / "nginx.conf").write_text(config)


def wait_for(process: subprocess.Popen[bytes], port: int, errors: Path) -> None:
    """Returns when nginx listens and has its workers."""
    deadline = time.monotonic() + 10
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            if len(tree(process.pid)) > 1:
                return
        time.sleep(0.05)
    raise Failure(f"nginx did not start: {errors.read_text().strip() or 'it gave no reason'}")


def finish(process: subprocess.Popen[bytes]) -> None:
    """Ends nginx, with force where it does not go."""
    process.terminate()
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # a master killed alone would leave its workers
        process.wait()


@contextlib.contextmanager
def nginx(name: str, sending: str, file: Path, arguments: argparse.Namespace) -> Iterator[Server]:
    """A running nginx that hands out the file."""
    with tempfile.TemporaryDirectory(prefix="downloads-") as path:
        folder, port = Path(path), free_port()
        write_folder(folder, file, port, sending, arguments)
        errors = folder / "errors"
        command = [arguments.nginx, "-p", path, "-c", str(folder / "nginx.conf")]
        with errors.open("wb") as log:
            # In a session of its own Ctrl-C reaches only us, and there is a group to end.
            process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        try:
            wait_for(process, port, errors)
            yield Server(name, f"http://127.0.0.1:{port}/file", process.pid, master=True)
        finally:
            finish(process)


# Throughput


def curl(server: Server, *options: str) -> list[str]:
    """A command that asks the server for the file, without the user's own settings."""
    headers = [word for header in server.headers for word in ("-H", header)]
    # A stalled server ends the download instead of the patience.
    patience = ["--connect-timeout", "10", "--speed-limit", "1024", "--speed-time", "30"]
    return ["curl", "-q", "-sS", "-g", "--fail", "--noproxy", "*", *patience, *headers, *options, server.url]


def warm_up(server: Server, size: int, digest: str) -> None:
    """One download, whose bytes must be those of the file."""
    before = cpu_seconds(server)
    with subprocess.Popen(curl(server), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        found = hashlib.file_digest(process.stdout, "sha256").hexdigest()
        errors = process.stderr.read().decode(errors="replace").strip()
    if process.returncode:
        raise Failure(f"{server.url} cannot be downloaded: {errors}")
    if found != digest:
        raise Failure(f"{server.url} does not give the bytes of --file: check that both are the same, and no redirect.")
    if before is not None and size >= CHECKABLE and cpu_seconds(server) == before:
        raise Failure(f"Process {server.pid} idled while {server.url} was downloaded: give the server's --url-pid.")


def download(server: Server, size: int) -> Run:
    """One measured download."""
    command = curl(server, "-o", "/dev/null", "-w", "%{http_code} %{size_download} %{time_total}")
    cpu, client, disk = cpu_seconds(server), resource.getrusage(resource.RUSAGE_CHILDREN), disk_reads()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise Failure(f"{server.url} cannot be downloaded any more: {done.stderr.strip()}")
    used = cpu_seconds(server)
    status, received, seconds = done.stdout.split()
    if status != "200" or float(received) != size:
        raise Failure(f"{server.url} answered {status} with {received} bytes instead of 200 with {size}.")
    return Run(
        float(seconds),
        None if cpu is None or used is None else used - cpu,
        after.ru_utime + after.ru_stime - client.ru_utime - client.ru_stime,
        disk_reads() - disk,
    )


def throughput(servers: list[Server], file: Path, rounds: int) -> dict[str, list[Run]]:
    """The runs of every server, which take turns so that a slower minute of the computer meets all of them."""
    size = file.stat().st_size
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    for server in servers:
        say(f"warm-up: {server.name}")
        warm_up(server, size, digest)
    runs: dict[str, list[Run]] = {server.name: [] for server in servers}
    for number in range(rounds):
        say(f"round {number + 1} of {rounds}")
        # The first of a round changes, so that nobody always comes after the same.
        for server in servers[number % len(servers) :] + servers[: number % len(servers)]:
            run = download(server, size)
            runs[server.name].append(run)
            if run.disk > size / 100:
                say(f"warning: {run.disk / MIB:.0f} MiB were read from disks while {server.name} served")
    return runs


# Slow clients


class SlowClient:
    """A connection that asks for the file and reads SLOW_RATE of it."""

    def __init__(self, kind: int, address: Address, request: bytes) -> None:
        self.request, self.head, self.received, self.ended = request, b"", 0, False
        self.socket = socket.socket(kind, socket.SOCK_STREAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SLOW_BUFFER)
        self.socket.setblocking(False)
        self.socket.connect_ex(address)
        self.begin = time.monotonic()

    def turn(self) -> None:
        """Sends what is left of the request and reads what the rate allows, without waiting for either."""
        if self.ended:
            return
        try:
            if self.request:
                self.request = self.request[self.socket.send(self.request) :]
            allowed = int((time.monotonic() - self.begin) * SLOW_RATE) - self.received
            if allowed <= 0:
                return
            data = self.socket.recv(min(allowed, SLOW_RATE))
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self.ended = not data
        self.received += len(data)
        self.head += data[: 12 - len(self.head)]

    def status(self) -> str:
        """What the server answered, "none" where it did not."""
        found = re.match(rb"HTTP/1\.\d (\d{3})", self.head)
        return found[1].decode() if found else "none"


def request_of(server: Server) -> bytes:
    """What a slow client sends, as curl would."""
    parts = urlsplit(server.url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    lines = [f"GET {target} HTTP/1.1", f"Host: {parts.netloc}", "Accept: */*", *server.headers, "", ""]
    return "\r\n".join(lines).encode()


def address_of(server: Server) -> tuple[int, Address]:
    """Where the server listens, found by connecting once, for a name may stand for several addresses."""
    parts = urlsplit(server.url)
    try:
        with socket.create_connection((parts.hostname, parts.port or 80), timeout=10) as connection:
            return connection.family, connection.getpeername()
    except OSError as error:
        raise Failure(f"Nobody listens at {server.url}: start the server first ({error}).") from None


def ask_head(server: Server, heads: Heads) -> None:
    """One HEAD request. curl takes the time, for Python's threads would add their own waiting to it."""
    options = ["-I", "-o", "/dev/null", "-w", "%{http_code} %{time_total}", "--max-time", str(HEAD_LIMIT)]
    done = subprocess.run(curl(server, *options), capture_output=True, text=True, check=False)
    status, seconds = done.stdout.split()
    if status == "000":
        heads.statuses["none"] += 1
        return
    heads.statuses[status] += 1
    heads.seconds.append(float(seconds))


def heads_until(server: Server, stop: threading.Event) -> Heads:
    """HEAD requests, one after the other, until told to stop."""
    heads = Heads()
    while not stop.wait(HEAD_PAUSE):
        ask_head(server, heads)
    return heads


def read_slowly(server: Server, clients: list[SlowClient], seconds: float) -> Memory:
    """Gives every client its turns, and tells the most memory seen, VmRSS and RssAnon."""
    most, deadline = (0, 0), time.monotonic() + seconds
    while (now := time.monotonic()) < deadline:
        for client in clients:
            client.turn()
        seen = memory(server)
        most = (max(most[0], seen[0]), max(most[1], seen[1]))
        time.sleep(max(0.0, now + TURN - time.monotonic()))
    return most


def slow_clients(server: Server, count: int, seconds: float) -> Figures:
    """Memory of the server and times of small requests with slow clients."""
    say(f"slow clients: {server.name}")
    quiet, stop = Heads(), threading.Event()
    for _ in range(QUIET_HEADS):
        ask_head(server, quiet)
    (kind, address), request, before = address_of(server), request_of(server), memory(server)
    with contextlib.ExitStack() as stack:
        clients: list[SlowClient] = []
        for _ in range(count):
            clients.append(SlowClient(kind, address, request))
            stack.callback(clients[-1].socket.close)
        pool = stack.enter_context(ThreadPoolExecutor(1))
        stack.callback(stop.set)  # runs before the pool is left, which waits for its thread
        heads = pool.submit(heads_until, server, stop)
        most = read_slowly(server, clients, seconds)
        stop.set()
        busy = heads.result()
    time.sleep(SETTLE)
    return slow_result(clients, seconds, (before, most), (quiet, busy))


def slow_result(
    clients: list[SlowClient], seconds: float, sizes: tuple[Memory, Memory], heads: tuple[Heads, Heads]
) -> Figures:
    """The figures of one server, memory in bytes."""
    ((resident, anonymous), (most_resident, most_anonymous)), (quiet, busy) = sizes, heads
    known = most_resident > 0
    return {
        "clients": len(clients),
        "statuses": dict(Counter(client.status() for client in clients)),
        "ended_early": sum(client.ended for client in clients),
        "bytes_per_second": statistics.median(client.received for client in clients) / seconds,
        "rss_before": resident if known else None,
        "rss_largest": most_resident if known else None,
        "anon_before": anonymous if known else None,
        "anon_largest": most_anonymous if known else None,
        "head_statuses": dict(busy.statuses),
        "head_seconds_quiet": statistics.median(quiet.seconds) if quiet.seconds else None,
        "head_seconds_median": statistics.median(busy.seconds) if busy.seconds else None,
        "head_seconds_max": max(busy.seconds, default=None),
    }


# Results


def throughput_results(runs: dict[str, list[Run]], size: int) -> dict[str, Figures]:
    """The figures of every server, and their ratios to nginx with sendfile and to the better nginx in that figure."""
    results: dict[str, Figures] = {}
    for name, own in runs.items():
        speeds = [size / GIB / run.seconds for run in own]
        known = [run.cpu for run in own if run.cpu is not None]
        results[name] = {
            "gib_per_second": statistics.median(speeds),
            "cpu_seconds_per_gib": statistics.median(known) * GIB / size if known else None,
            "client_busy": statistics.median(run.client / run.seconds for run in own),
            "all_gib_per_second": speeds,
            "all_cpu_seconds": known,
            "most_disk_bytes": max(run.disk for run in own),
        }
    for figure, better in (("gib_per_second", max), ("cpu_seconds_per_gib", min)):
        default = results[SENDFILE][figure]
        best = better(default, results[BUFFERS][figure])
        for result in results.values():
            result[f"{figure}_to_better"] = ratio(result[figure], best)
            result[f"{figure}_to_sendfile"] = ratio(result[figure], default)
    return results


def ratio(value: float | None, other: float) -> float | None:
    """None where it cannot be told, such as no tick of processor time for a small file."""
    return None if value is None or other == 0 else value / other


def shown(value: float | None, digits: int, unit: float = 1) -> str:
    """A number of a table."""
    return "-" if value is None else f"{value / unit:.{digits}f}"


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows])


def throughput_table(results: dict[str, Figures]) -> str:
    """Ratios of speed above 1 are faster than nginx, ratios of processor time below 1 are cheaper."""
    head = ["server", "GiB/s", "lowest to highest", "to the better nginx", "to sendfile"]
    head += ["CPU s/GiB", "to the better nginx", "to sendfile", "client"]
    rows = []
    for name, result in results.items():
        speeds = result["all_gib_per_second"]
        row = [name, shown(result["gib_per_second"], 2), f"{min(speeds):.2f} to {max(speeds):.2f}"]
        row += [shown(result[f"gib_per_second_to_{other}"], 2) for other in ("better", "sendfile")]
        row += [shown(result["cpu_seconds_per_gib"], 3)]
        row += [shown(result[f"cpu_seconds_per_gib_to_{other}"], 2) for other in ("better", "sendfile")]
        rows.append([*row, shown(result["client_busy"], 2)])
    return table(head, rows)


def slow_table(results: dict[str, Figures]) -> str:
    """Memory in MiB as `before -> largest`, times in ms."""
    head = ["server", "answered 200", "ended early", "KiB/s each", "RSS MiB", "anonymous MiB", "KiB a client"]
    head += ["HEAD ms, quiet", "median", "largest", "not 200"]
    rows = []
    for name, result in results.items():
        row = [name, f"{result['statuses'].get('200', 0)} of {result['clients']}", str(result["ended_early"])]
        row.append(shown(result["bytes_per_second"], 0, KIB))
        for kind in ("rss", "anon"):
            row.append(" -> ".join(shown(result[f"{kind}_{when}"], 1, MIB) for when in ("before", "largest")))
        known = result["rss_before"] is not None
        growth = result["rss_largest"] - result["rss_before"] if known else None
        row.append(shown(growth, 1, KIB * result["clients"]))
        row += [shown(result[f"head_seconds_{which}"], 2, 1e-3) for which in ("quiet", "median", "max")]
        others = sum(result["head_statuses"].values()) - result["head_statuses"].get("200", 0)
        rows.append([*row, str(others)])
    return table(head, rows)


# The program


def say(text: str) -> None:
    """Progress, which must not get between the results."""
    print(text, file=sys.stderr, flush=True)


def version_of(command: list[str]) -> str:
    """The first line of what a program says of itself."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout or done.stderr).partition("\n")[0]


def processor() -> str:
    """The model of the processor, where the kernel tells it."""
    found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--file", type=Path, required=True, help="the file behind the URL, a few GiB")
    parser.add_argument("--url", required=True, help="where the running server hands it out, http://")
    parser.add_argument("--url-pid", type=int, metavar="PID", help="its process, for processor time and memory")
    parser.add_argument("--header", action="append", default=[], help="'Name: value' for the URL; may be repeated")
    parser.add_argument("--runs", type=int, default=5, help="downloads of each server that count (default 5)")
    parser.add_argument("--slow", type=int, default=200, help="slow clients, 0 for none (default 200)")
    parser.add_argument("--slow-seconds", type=float, default=20, help="how long they read (default 20)")
    parser.add_argument("--nginx", default="nginx", help="the program (default nginx)")
    parser.add_argument("--nginx-workers", default="1", help="worker_processes, a number or auto (default 1)")
    parser.add_argument("--json", action="store_true", help="print JSON, and the tables on standard error")
    return parser.parse_args()


def check(arguments: argparse.Namespace) -> None:
    """Fails where something is missing, before anything is started."""
    if sys.version_info < (3, 11) or not Path("/proc/self/stat").exists():
        raise Failure("This needs Linux and Python 3.11 or newer.")
    if not arguments.file.is_file() or not os.access(arguments.file, os.R_OK):
        raise Failure(f"{arguments.file} is no file that can be read: give the one behind the URL with --file.")
    size = arguments.file.stat().st_size
    if size == 0:
        raise Failure(f"{arguments.file} is empty: give a file of some GiB.")
    if arguments.runs < 1 or arguments.slow < 0 or not 0 < arguments.slow_seconds < float("inf"):
        raise Failure("--runs must be at least 1, --slow at least 0 and --slow-seconds above 0.")
    if not re.fullmatch("auto|[1-9][0-9]{0,3}", arguments.nginx_workers):
        raise Failure("--nginx-workers must be a number from 1 or the word auto.")
    check_url(arguments)
    check_programs(arguments)
    raise_limit(2 * arguments.slow + 128)
    if arguments.url_pid is not None:
        proc(arguments.url_pid, "stat")
        if os.getpid() in tree(arguments.url_pid):
            raise Failure(f"Process {arguments.url_pid} started this program: give the --url-pid of the server itself.")
    if size < SLOW_RATE * arguments.slow_seconds and arguments.slow:
        say("warning: the file is so small that slow clients reach its end")


def check_url(arguments: argparse.Namespace) -> None:
    """Fails where the URL or the headers are none that curl and the slow clients would send alike."""
    try:
        parts = urlsplit(arguments.url)
        usable = parts.scheme == "http" and parts.hostname and parts.port != 0 and "@" not in parts.netloc
    except ValueError:
        usable = False
    if not usable or not re.fullmatch("[!-~]+", arguments.url):
        raise Failure(f"{arguments.url} is no URL that can be measured: it must begin with http:// and hold no blanks.")
    for header in arguments.header:
        if not re.fullmatch(r"[A-Za-z0-9-]+: [ -~]*[!-~]", header):
            raise Failure("A --header must look like 'Name: value'.")
    address_of(Server(OURS, arguments.url, None))


def check_programs(arguments: argparse.Namespace) -> None:
    """Finds curl and nginx."""
    if shutil.which("curl") is None:
        raise Failure("There is no curl: install it, it is the client.")
    # Plain users often have no sbin in their PATH, where packages put nginx.
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])
    found = shutil.which(arguments.nginx, path=path)
    if found is None:
        raise Failure("There is no nginx: install it (apt-get install nginx-light) or say where it is with --nginx.")
    arguments.nginx = found


def raise_limit(files: int) -> None:
    """Allows us, and nginx after us, as many open files as the slow clients need."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < files:
        raise Failure(f"Only {hard} files may be open at once: lower --slow, or allow {files} with ulimit -n.")
    if soft != resource.RLIM_INFINITY and soft < files:
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))


def measure(arguments: argparse.Namespace) -> Figures:
    """Everything."""
    file = arguments.file.resolve()
    with contextlib.ExitStack() as stack:
        servers = [Server(OURS, arguments.url, arguments.url_pid, arguments.header)]
        for name, sending in ((SENDFILE, "sendfile on;"), (BUFFERS, "sendfile off; output_buffers 2 512k;")):
            servers.append(stack.enter_context(nginx(name, sending, file, arguments)))
        runs = throughput(servers, file, arguments.runs)
        slow = {}
        if arguments.slow:
            slow = {server.name: slow_clients(server, arguments.slow, arguments.slow_seconds) for server in servers}
    size = file.stat().st_size
    return {
        "bytes": size,
        "runs": arguments.runs,
        "nginx_workers": arguments.nginx_workers,
        "computer": f"{os.cpu_count()} cores, {processor()}, Linux {platform.release()}",
        "curl": version_of(["curl", "-q", "--version"]).partition(" (")[0],
        "nginx": version_of([arguments.nginx, "-v"]).removeprefix("nginx version: "),
        "throughput": throughput_results(runs, size),
        "slow": slow,
    }


def report(results: Figures, slow_seconds: float) -> str:
    """The tables and what they were measured with."""
    workers = results["nginx_workers"]
    parts = [
        f"{results['bytes'] / GIB:.2f} GiB, medians of runs that took turns ({results['runs']} each). "
        f"{results['computer']}; {results['nginx']}, worker_processes {workers}; {results['curl']}.",
        throughput_table(results["throughput"]),
    ]
    if results["slow"]:
        parts += [f"Slow clients, {SLOW_RATE // KIB} KiB/s for {slow_seconds:g} s:", slow_table(results["slow"])]
    return "\n\n".join(parts)


def main() -> None:
    arguments = parse()
    # Without this the default would end us and leave nginx running.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        check(arguments)
        results = measure(arguments)
    except Failure as failure:
        sys.exit(f"downloads.py: {failure}")
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    print(report(results, arguments.slow_seconds), file=sys.stderr if arguments.json else sys.stdout)
    if arguments.json:
        print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
