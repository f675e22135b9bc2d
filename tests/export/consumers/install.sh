#!/bin/sh
# Makes an environment for each consumer of an export: `sh install.sh FOLDER`, then SYNTH_CONSUMERS=FOLDER.
# Several GB; TORCH names the build of torch to use, so that a machine without a GPU can choose a small one.
set -e
folder=${1:?name a folder}
torch=${TORCH:-torch}
for name in trl together axolotl llama-factory; do
    python3 -m venv "$folder/$name"
done
"$folder/trl/bin/pip" install -q "$torch" trl==1.16.0 peft "datasets==5.2.0" mistral-common==1.13.1
"$folder/together/bin/pip" install -q --no-deps together==1.6.0
"$folder/together/bin/pip" install -q tqdm pyarrow pydantic requests typer rich click pillow tabulate filelock \
    eval_type_backport aiohttp numpy
"$folder/axolotl/bin/pip" install -q axolotl==0.19.0
# torchaudio is what it cannot start without, and has to be of the same build as torch.
"$folder/llama-factory/bin/pip" install -q llamafactory==0.9.5 torch==2.11.0 torchaudio==2.11.0 torchvision
