"""
Runs a hook of PBS with a stand-in of the module `pbs`, as the PBS Professional Hooks Guide documents what it uses of it:
pbs-event.py HOOK, the event as JSON on stdin; prints what became of it as JSON. accept() and reject() end the hook by
SystemExit; a resource that is not defined raises; the hook's alarm is a KeyboardInterrupt.
"""
import json
import runpy
import signal
import sys
import types

given = json.load(sys.stdin)
outcome = {"accepted": 0, "rejected": 0, "logs": [], "resources": {}}
pbs = types.ModuleType("pbs")
KINDS = ["QUEUEJOB", "RUNJOB", "EXECJOB_BEGIN", "EXECHOST_STARTUP", "EXECHOST_PERIODIC", "MODIFYJOB"]
for number, kind in enumerate(KINDS):
    setattr(pbs, kind, 1 << number)
pbs.LOG_WARNING = 4


class Resources(dict):
    def __getitem__(self, name):
        return self.get(name)

    def __setitem__(self, name, value):
        if given.get("undefined"):
            raise ValueError("resource not defined: " + name)
        outcome["resources"][name] = value


class Event:
    def __init__(self):
        self.type = getattr(pbs, given["event"])
        self.vnode_list = {"node1": types.SimpleNamespace(resources_available=Resources())}

    @property
    def job(self):
        if given.get("raises"):
            raise RuntimeError("internal error")
        job = given["job"]
        wanted = Resources()
        dict.update(wanted, job.get("resources", {}))
        return types.SimpleNamespace(id=job.get("id"), Resource_List=wanted, exec_vnode=job.get("exec_vnode"))

    def accept(self):
        outcome["accepted"] += 1
        raise SystemExit(0)

    def reject(self, message=""):
        outcome["rejected"] += 1
        raise SystemExit(1)


pbs.event = Event
pbs.get_local_nodename = lambda: "node1"
pbs.logmsg = lambda level, message: outcome["logs"].append(message)
sys.modules["pbs"] = pbs

if "alarm" in given:
    # Python's own handler of SIGINT raises KeyboardInterrupt.
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_REAL, given["alarm"])
try:
    runpy.run_path(sys.argv[1], run_name="__main__")
except SystemExit:
    pass
except BaseException as error:
    outcome["escaped"] = repr(error)
json.dump(outcome, sys.stdout)
