#!/bin/sh
# Makes environments for the two largest consumers of an export: `sh install.sh .venvs`. Several GB each;
# TORCH names the build of torch to use (TORCH=torch==2.13.0+cpu where there is one), which a machine without a
# GPU wants small. `make consumers-env` makes the other environments.
set -e
folder=${1:?name a folder}
torch=${TORCH:-torch}
for name in axolotl llama-factory; do
    python3 -m venv "$folder/$name"
done
"$folder/axolotl/bin/pip" install -q axolotl==0.19.0 "$torch"

llama_factory=$folder/llama-factory/bin
"$llama_factory/pip" install -q llamafactory==0.9.5 "$torch"
# Its loader imports torchaudio, and transformers imports torchvision where it is installed. Both start only with
# the very build of torch that they were made for, and no build of torchaudio is newer than torch 2.11. Texts need
# neither: an empty module serves for the one, and nothing for the other.
"$llama_factory/pip" uninstall -q -y torchaudio torchvision
: > "$("$llama_factory/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/torchaudio.py"
