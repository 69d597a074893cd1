/**
 * What asks dnf for the packages that a set of names needs, through its Python interface: its command line gives versions
 * only in tables for people. Constant text; all that a request says comes as JSON on its input. It prints one JSON value.
 */
export const DNF_PROGRAM = `
import json, sys, logging
logging.disable(logging.CRITICAL)
import dnf, dnf.exceptions, libdnf

def main():
    ask = json.load(sys.stdin)
    base = dnf.Base()
    conf = base.conf
    conf.installroot = ask["root"]
    conf.cachedir = ask["cache"]
    conf.persistdir = ask["cache"] + "/state"
    conf.logdir = ask["cache"]
    conf.reposdir = []
    conf.varsdir = []
    conf.pluginpath = []
    conf.plugins = False
    conf.gpgcheck = True
    conf.install_weak_deps = False
    conf.module_platform_id = ""
    conf.substitutions["releasever"] = ask["release"]
    conf.substitutions["arch"] = ask["arch"]
    conf.substitutions["basearch"] = ask["basearch"]
    conf.arch = ask["arch"]
    conf.basearch = ask["basearch"]
    conf.ignorearch = True
    for one in ask["repositories"]:
        repo = dnf.repo.Repo(one["id"], conf)
        repo.baseurl = [libdnf.conf.ConfigParser.substitute(one["uri"], conf.substitutions)]
        repo.skip_if_unavailable = False
        repo.timeout = ask["silenceSeconds"]
        repo.retries = 1
        repo.metadata_expire = ask["freshSeconds"]
        base.repos.add(repo)
    try:
        base.fill_sack(load_system_repo=False)
    except dnf.exceptions.RepoError as error:
        return {"error": "mirror", "message": str(error)}
    missing = []
    for spec in ask["specs"]:
        try:
            base.install(spec, strict=True)
        except dnf.exceptions.MarkingError:
            missing.append(spec)
    if missing:
        return {"error": "missing", "names": missing, "message": ""}
    try:
        base.resolve()
    except dnf.exceptions.DepsolveError as error:
        return {"error": "depsolve", "message": str(error)}
    chosen = sorted(base.transaction.install_set)
    if ask["fetch"]:
        try:
            base.download_packages(chosen)
        except dnf.exceptions.DownloadError as error:
            return {"error": "mirror", "message": str(error)}
    found = []
    for package in chosen:
        kind, digest = package.returnIdSum() if package.returnIdSum() else ("", "")
        found.append({
            "name": package.name,
            "version": ("%d:" % package.epoch if package.epoch else "") + package.version + "-" + package.release,
            "arch": package.arch,
            "sha256": digest if kind == "sha256" else "",
            "built": package.buildtime,
            "path": package.localPkg() if ask["fetch"] else "",
            "nevra": str(package),
        })
    return {"packages": found}

print(json.dumps(main()))
`
