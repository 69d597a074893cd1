"""Asks a farm's SOAP service with zeep: python3 zeep-client.py URL TOKEN. Prints one JSON document."""

import json
import sys

import requests
import zeep
from zeep.transports import Transport

url, token = sys.argv[1:]
session = requests.Session()
session.headers["Authorization"] = "Bearer " + token
client = zeep.Client(url + "/soap?wsdl", transport=Transport(session=session))
service = client.service
found = {"operations": sorted(service._operations)}

created = service.create(
    configuration={
        "name": "from-zeep",
        "class": "debian-12",
        "group": ["core", "base"],
        "package": ["less"],
        "file": [{"path": "/etc/motd", "content": "grüße\n".encode()}],
    }
)
build = created.build.id
found["build"] = {"id": build, "name": created.build.name, "state": created.build.state}
status = service.status(build)
for _ in range(200):
    status = service.status(build)
    if status.state not in ("queued", "building", "publishing"):
        break
found["ended"] = status.state
images = service.list()
found["images"] = [image.name for image in images]
image = service.get(images[0].key)
found["image"] = {
    "groups": list(image.group),
    "packages": list(image.package),
    "bytes": image.bytes,
    "here": image.here,
    "year": image.madeAt.year,
    "length": len(session.get(image.url).content),
}
faults = []
for call in (
    lambda: service.create(configuration={"class": "nt4", "arch": "vax"}),
    lambda: service.get("0" * 64),
    lambda: service.status(4711),
):
    try:
        call()
    except zeep.exceptions.Fault as fault:
        failure = fault.detail[0]
        names = [element.text for element in failure.iter("{*}field") if element.text]
        faults.append({"code": fault.code, "message": fault.message, "fields": names})
found["faults"] = faults
found["deleted"] = service.delete(image.key)
found["left"] = len(service.list() or [])
print(json.dumps(found))
