# What the scripts share. Sourced, never run.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$top/build

say() { printf '%s\n' "$*"; }
die() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

# quietly LOG COMMAND...: keeps the output in LOG and shows its end only when the command fails.
quietly() {
  local log=$1
  shift
  mkdir -p "$(dirname "$log")"
  if ! "$@" >"$log" 2>&1; then
    tail -n 40 "$log" >&2
    printf 'failed: %s (all of it: %s)\n' "$*" "$log" >&2
    return 1
  fi
}

# configure DIR COMPILER OPTION...: a meson build directory with COMPILER (clang or gcc). In a directory that exists,
# options are changed only where they differ: every change costs a new look at the whole project.
configure() {
  local dir=$1 compiler=$2 cc cxx cache= linker=() changed=() option
  shift 2
  case $compiler in
    clang)
      cc=clang-16 cxx=clang++-16 linker=(CC_LD=lld CXX_LD=lld)
      # Of another LLVM it could not read what -Db_lto=true puts into the rooms' libraries; lld needs no index of them.
      linker+=(AR=$(command -v llvm-ar-16 || command -v ar))
      ;;
    gcc) cc=gcc-12 cxx=g++-12 ;;
    *) die "no such compiler: $compiler" ;;
  esac
  if command -v ccache >/dev/null; then cache='ccache '; fi
  if [ ! -f "$dir/build.ninja" ]; then
    quietly "$dir/configure.log" env CC="$cache$cc" CXX="$cache$cxx" "${linker[@]}" \
      meson setup "$dir" "$top" "$@" || return 1
    printf '%s\n' "$@" >"$dir/configured"
    return 0
  fi
  touch "$dir/configured"
  for option in "$@"; do
    if ! grep -qxF -e "$option" "$dir/configured" 2>/dev/null; then changed+=("$option"); fi
  done
  if [ ${#changed[@]} = 0 ]; then return 0; fi
  quietly "$dir/configure.log" meson configure "$dir" "${changed[@]}" || return 1
  for option in "${changed[@]}"; do
    sed -i "/^${option%%=*}=/d" "$dir/configured"
    printf '%s\n' "$option" >>"$dir/configured"
  done
}

# compile DIR [TARGET...]: ninja, with its one line of progress on a terminal; elsewhere it says how long it took.
compile() {
  local dir=$1 start=$SECONDS
  shift
  if [ -t 1 ]; then
    ninja -C "$dir" "$@"
  else
    quietly "$dir/compile.log" ninja -C "$dir" "$@" || return 1
    say "built ${dir##*/} in $((SECONDS - start)) s"
  fi
}

# ---- Counting: what scripts/test, scripts/test-more and .ci/run end with.

passed=0
failed=0
failures=()  # a line for each step that failed, said again at the end, where a long log is read first

# count_log FILE: prints "PASSED FAILED" of a program that ended well or badly ($2 = its exit status): the cases of
# doctest or unittest, or our own last line, or 1 for the program as a whole.
count_log() {
  python3 - "$1" "$2" <<'PYTHON'
import re, sys
text, status = open(sys.argv[1], errors="replace").read(), int(sys.argv[2])
passed = failed = 0
for good, bad in re.findall(r"test cases:\s*\d+ \|\s*(\d+) passed \|\s*(\d+) failed", text):
    passed, failed = passed + int(good), failed + int(bad)
for good, bad in re.findall(r"^(\d+) passed, (\d+) failed$", text, re.M)[-1:]:
    passed, failed = passed + int(good), failed + int(bad)
for ran in re.findall(r"^Ran (\d+) tests? in .*\n\nOK", text, re.M):
    passed += int(ran)
if status == 0 and passed + failed == 0:
    passed = 1
if status != 0 and failed == 0:
    failed = 1
print(passed, failed)
PYTHON
}

# step NAME SECONDS COMMAND...: runs it with a bound of time, says how it went, and counts it. The log is kept under
# build/test-logs.
step() {
  local name=$1 seconds=$2
  shift 2
  local log=$build/test-logs/${name// /-}.log status=0 start=$SECONDS counts
  mkdir -p "$build/test-logs"
  timeout --kill-after=10 "$seconds" "$@" >"$log" 2>&1 || status=$?
  counts=$(count_log "$log" "$status")
  passed=$((passed + ${counts% *}))
  failed=$((failed + ${counts#* }))
  if [ "$status" = 0 ] && [ "${counts#* }" = 0 ]; then
    printf 'ok      %-44s %4d passed %5d s\n' "$name" "${counts% *}" $((SECONDS - start))
  else
    printf 'FAILED  %-44s %s%d s, all of it: %s\n' "$name" "$([ "$status" = 124 ] && printf 'out of time after ')" \
      $((SECONDS - start)) "$log"
    tail -n 40 "$log" | sed 's/^/        /'
    failures+=("$name: $(grep -aE 'FAILED|ERROR:|[1-9][0-9]* failed' "$log" | tail -n 3 | cut -c 1-300 | paste -sd '|' || true)")
  fi
}

# fail NAME: counts what failed before or beside a step.
fail() {
  say "FAILED  $1"
  failed=$((failed + 1))
  failures+=("$1")
}

# finish: what failed, the last line, and the exit status.
finish() {
  if [ "$failed" != 0 ]; then printf 'failed: %s\n' "${failures[@]}"; fi
  say "$passed passed, $failed failed"
  [ "$failed" = 0 ] && [ "$passed" -gt 0 ]
}

# unit_tests PREFIX DIR: a step for each test that meson knows in DIR; with a prefix, in a build beside the first, only of
# what is compiled.
unit_tests() {
  local prefix=$1 dir=$2 name
  while read -r name; do
    step "$prefix$name" 900 meson test -C "$dir" --no-rebuild --num-processes 1 --verbose --timeout-multiplier 0 "$name"
  done < <(meson introspect --tests "$dir" | python3 -c 'import json, sys
for test in json.load(sys.stdin):
  if not sys.argv[1] or test["depends"]: print(test["name"])' "$prefix")
}
