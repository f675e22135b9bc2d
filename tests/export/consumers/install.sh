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
# torchaudio is what it cannot start without, and has to be of the same build as torch.
# Where none of that build is to be had, an empty package of that name, and no torchvision, serve for texts.
"$folder/llama-factory/bin/pip" install -q llamafactory==0.9.5 torch==2.11.0 torchaudio==2.11.0 torchvision
