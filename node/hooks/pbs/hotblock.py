"""
hotblock's hook of OpenPBS and PBS Pro. One file for all events, since PBS keeps hooks by name:

    queuejob            on the server: the seeds begin with the images that the job names
    runjob              on the server: the hosts of the job begin
    execjob_begin       on each host of the job: it begins
    exechost_startup, exechost_periodic   on each host: which images it holds, as its resource hotblock_images

A job names images with `qsub -l hotblock=NAME` (several with a colon between). The hook accepts every event, whatever
happens, and waits for nothing but, on a host that says what it holds, 4 s for its daemon.
"""
import re
import subprocess

HOOKS = "/etc/hotblock/pbs"
NAMES_MAX = 8
HOSTS_MAX = 10000
TEXT_MAX = 4096
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,127}(?:@[1-9A-HJ-NP-Za-km-z]{1,128})?\Z")
HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}\Z")
JOB = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@:\[\]-]{0,127}\Z")
# What no image can be called: a list of strings cannot be empty.
NOTHING = "-"


def images_of(job):
    """Names that the job asks for; what is no name is left out."""
    wanted = job.Resource_List["hotblock"]
    if wanted is None:
        return []
    words = re.split(r"[\s,:;]+", str(wanted)[:TEXT_MAX])
    return [word for word in words if NAME.match(word)][:NAMES_MAX]


def hosts_of(job):
    """Hosts of `(a:ncpus=1)+(b[0]:ncpus=1+b[1]:mem=1gb)`, each once."""
    chunks = re.split(r"[()+]+", str(job.exec_vnode))
    names = [re.sub(r"\[\d+\]\Z", "", chunk.split(":")[0].strip()) for chunk in chunks]
    return list(dict.fromkeys(name for name in names if HOST.match(name)))[:HOSTS_MAX]


def tell(moment, job, names, arguments=()):
    """Has the daemon told, in the background and in a session of its own: PBS waits for none of it."""
    given = str(job.id or "")
    words = ["setsid", "-f", HOOKS + "/tell.sh", "pbs", moment, given if JOB.match(given) else "", "none"]
    for name in names:
        words += ["--image", name]
    quiet = subprocess.DEVNULL
    child = subprocess.Popen(
        words + list(arguments), stdin=quiet, stdout=quiet, stderr=quiet, env=ENVIRONMENT, cwd="/", close_fds=True
    )
    child.wait(timeout=2)


def held():
    """Names of the images on this host."""
    quiet = subprocess.DEVNULL
    ran = subprocess.run(
        [HOOKS + "/held.sh", "pbs"], stdin=quiet, stdout=subprocess.PIPE, stderr=quiet, env=ENVIRONMENT, cwd="/", timeout=4
    )
    return [name for name in ran.stdout.decode("ascii", "replace").split("\n") if NAME.match(name)]


def handle(pbs, event):
    kind = event.type
    if kind in (pbs.EXECHOST_PERIODIC, pbs.EXECHOST_STARTUP):
        resources = event.vnode_list[pbs.get_local_nodename()].resources_available
        resources["hotblock_images"] = ",".join(held()) or NOTHING
        return
    names = images_of(event.job)
    if not names:
        return
    if kind == pbs.QUEUEJOB:
        tell("submit", event.job, names)
    elif kind == pbs.RUNJOB:
        hosts = hosts_of(event.job)
        if hosts:
            tell("allocate", event.job, names, ["--on", ",".join(hosts)])
    elif kind == pbs.EXECJOB_BEGIN:
        tell("node", event.job, names)


def main():
    import pbs

    event = pbs.event()
    try:
        handle(pbs, event)
    except BaseException as error:  # the hook's alarm is a KeyboardInterrupt
        try:
            pbs.logmsg(pbs.LOG_WARNING, "hotblock: %s: %s" % (type(error).__name__, str(error)[:200]))
        except Exception:
            pass
    event.accept()


main()
