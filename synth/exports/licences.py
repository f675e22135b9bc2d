"""Maps a licence to the hub's metadata."""

from __future__ import annotations

import re

from synth.llm.base import Json

# The licences for datasets in https://huggingface.co/docs/hub/repositories-licenses.
_HUB_LICENCES = """
    apache-2.0 mit afl-3.0 artistic-2.0 bsd bsd-2-clause bsd-3-clause bsl-1.0 cc cc0-1.0 cc-by-2.0
    cc-by-2.5 cc-by-3.0 cc-by-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc-by-nc-2.0 cc-by-nc-3.0 cc-by-nc-4.0
    cc-by-nd-4.0 cc-by-nc-nd-3.0 cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0
    cdla-permissive-1.0 cdla-permissive-2.0 cdla-sharing-1.0 c-uda ecl-2.0 epl-1.0 epl-2.0 etalab-2.0
    eupl-1.1 eupl-1.2 gfdl gpl gpl-2.0 gpl-3.0 agpl-3.0 lgpl lgpl-2.1 lgpl-3.0 isc mpl-2.0 odbl odc-by
    openrail ofl-1.1 osl-3.0 pddl unlicense wtfpl zlib unknown other
"""


def licence_metadata(licence: str | None) -> Json:
    """`license`, and also `license_name` if the hub has no identifier for it."""
    if not licence:
        return {"license": "unknown"}
    slug = re.sub(r"[^a-z0-9.]+", "-", licence.lower()).strip("-")
    if slug in _HUB_LICENCES.split():
        return {"license": slug}
    return {"license": "other", "license_name": slug or "other"}
