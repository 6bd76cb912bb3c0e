#!/usr/bin/env bash
# Builds RocksDB once, outside the checkout, and writes the variables that make cargo use it.
#
# Without this step `cargo build` still works: librocksdb-sys then compiles 343 C++ files by itself, for each
# profile and each target directory again. Here the same sources, with the same defines and machine flags, are
# compiled in chunks of several files, which costs a quarter of the time, and only once for all builds.
#
# Result: $VT_CACHE_DIR/env.sh, to be sourced before cargo. Quick when everything is there already; an
# interrupted run leaves nothing that a later run would mistake for a result.
#
#   VT_CACHE_DIR  where to keep it all (default: ${XDG_CACHE_HOME:-$HOME/.cache}/vt)
#   VT_JOBS       compilers at once (default: number of processors)
#   CXX, CXXFLAGS as usual
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${VT_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/vt}
jobs=${VT_JOBS:-$(getconf _NPROCESSORS_ONLN)}
cxx=${CXX:-g++}
chunk_files=15
libclang_wheel=18.1.1

say() { printf 'rocksdb.sh: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# The registry folder of a locked dependency, named by its crate name.
crate_dir() {
  grep -o "\"manifest_path\":\"[^\"]*/$1-[0-9][^\"/]*/Cargo.toml\"" <<<"$metadata" \
    | sed 's/^"manifest_path":"//; s|/Cargo.toml"$||' | sort -u | tail -n 1
}

# The rustflags cargo will use for the host: RUSTFLAGS, else the host's table of .cargo/config.toml.
rust_flags() {
  if [ -n "${RUSTFLAGS:-}" ]; then
    printf '%s\n' "$RUSTFLAGS"
  else
    awk -v table="[target.$host]" '
      /^\[/ { inside = ($0 == table) }
      inside && /^rustflags/ { gsub(/.*\[|\].*|"|,/, " "); print }' "$root/.cargo/config.toml"
  fi
}

# Machine flags for the C++ compiler, as the crate's build script derives them from rustc's.
machine_flags() {
  local flags features feature cpu
  flags=$(rust_flags)
  cpu=$(grep -o 'target-cpu=[^ ]*' <<<"$flags" | tail -n 1 | cut -d= -f2) || true
  # shellcheck disable=SC2086  # several flags in one string
  features=$(rustc --print cfg $flags | sed -n 's/^target_feature="\(.*\)"$/\1/p')
  case $host in
    x86_64-*)
      [ -z "$cpu" ] || printf -- '-march=%s ' "$cpu"
      for feature in sse2:sse2 sse4.1:sse4.1 sse4.2:sse4.2 avx2:avx2 bmi1:bmi lzcnt:lzcnt pclmulqdq:pclmul; do
        ! grep -qxF "${feature%%:*}" <<<"$features" || printf -- '-m%s ' "${feature##*:}"
      done ;;
    aarch64-*)
      if [ -n "$cpu" ]; then
        printf -- '-mcpu=%s ' "$cpu"
      elif grep -qxF crc <<<"$features" && grep -qxF aes <<<"$features"; then
        printf -- '-march=armv8-a+crc+aes+crypto '
      fi ;;
  esac
}

# The defines of the crate's build script that hold for Linux and for the features we enable. A block counts
# when it is unconditional, or when its condition is one of those listed; everything else is for others.
defines() {
  awk -v features=",$1," '
    /^fn build_rocksdb\(/ { inside = 1; depth = 0 }
    !inside { next }
    /config\.define\("/ {
      take = 1
      for (i = 2; i <= depth; i++) if (!wanted[i]) take = 0
      if (take) {
        match($0, /define\("[^"]*"/); name = substr($0, RSTART + 8, RLENGTH - 9)
        printf "-D%s%s ", name, ($0 ~ /Some\("1"\)/ ? "=1" : "")
      }
    }
    {
      line = $0
      gsub(/"[^"]*"/, "", line); sub(/\/\/.*/, "", line)
      depth -= gsub(/}/, "", line); up = gsub(/{/, "", line)
      for (i = depth + 1; i <= depth + up; i++) wanted[i] = condition($0) && !gated
      depth += up
      gated = ($0 ~ /^ *#\[cfg\(feature/) && !enabled($0)
      if (depth == 0 && up == 0) exit
    }
    function enabled(text) {
      sub(/.*feature = "/, "", text); sub(/".*/, "", text)
      return index(features, "," text ",") > 0
    }
    function condition(text) {
      if (text ~ /if !target\.contains\("msvc"\)/) return 1
      if (text ~ /target\.contains\("linux"\)/) return 1
      return text ~ /if cfg!\(feature = "[^"]*"\) {/ && enabled(text)
    }' "$sys/build.rs"
}

# Compiles the files listed in $1 as one translation unit; halves the list when their private names clash.
compile_chunk() {
  local list=$1 count half
  sed 's/.*/#include "&"/' "$list" >"$list.cc"
  # shellcheck disable=SC2086  # flags are several words
  if $cxx $flags $includes -c "$list.cc" -o "$list.o" 2>"$list.log"; then
    return 0
  fi
  count=$(wc -l <"$list")
  if [ "$count" -le 1 ]; then
    cat "$list.log" >&2
    return 1
  fi
  rm -f "$list.o"
  half=$(((count + 1) / 2))
  head -n "$half" "$list" >"${list}a"
  tail -n +"$((half + 1))" "$list" >"${list}b"
  compile_chunk "${list}a" && compile_chunk "${list}b"
}

build_library() {
  local target=$1 work
  rm -rf "$cache"/rocksdb/.build.*
  work=$(mktemp -d "$cache/rocksdb/.build.XXXXXX")
  # shellcheck disable=SC2064  # the folder of now
  trap "rm -rf '$work'" EXIT
  say "compiling RocksDB $version with $jobs jobs into $target (some minutes, once)"
  {
    # build_version.cc wants values from RocksDB's own build; the crate brings a filled-in one.
    grep -vx 'util/build_version.cc' "$sys/rocksdb_lib_sources.txt" | tr -d '\r' | sed '/^ *$/d; s/^ *//; s/ *$//'
    printf '%s\n' "$sys/build_version.cc"
  } >"$work/sources"
  (cd "$work" && split -l "$chunk_files" -d -a 3 sources chunk.)
  export cxx flags includes
  export -f compile_chunk
  # shellcheck disable=SC2016  # expanded by the inner shell
  # Without the lock (9), which compilers that outlive a killed script would keep.
  find "$work" -name 'chunk.*' -print0 | sort -z \
    | xargs -0 -n 1 -P "$jobs" bash -c 'set -eu; compile_chunk "$1"' compile 9>&- \
    || die "RocksDB did not compile"
  mkdir "$work/out"
  (cd "$work" && ar crs out/librocksdb.a chunk.*.o)
  printf '%s\n' "$flags" >"$work/out/flags"
  mv "$work/out" "$target"
  rm -rf "$work"
  trap - EXIT
}

# Prints a libclang shared library that is installed, if any.
installed_libclang() {
  local dir file
  for dir in "${LIBCLANG_PATH:-}" "$(llvm-config --libdir 2>/dev/null || true)" \
    /usr/lib/llvm-*/lib /usr/lib/*-linux-gnu /usr/lib64 /usr/lib /usr/local/lib; do
    [ -n "$dir" ] || continue
    for file in "$dir"/libclang.so "$dir"/libclang.so.* "$dir"/libclang-[0-9]*.so*; do
      [ -f "$file" ] && { printf '%s\n' "$file"; return 0; }
    done
  done
  return 1
}

# Gives bindgen a folder with a libclang.so in it: the installed one, else a wheel, else a Debian package.
provide_libclang() {
  local dir=$cache/libclang found python
  [ ! -e "$dir/libclang.so" ] || return 0
  mkdir -p "$dir"
  if ! found=$(installed_libclang); then
    found=$dir/wheel/clang/native/libclang.so
    for python in python3 python; do
      [ ! -f "$found" ] || break
      say "fetching libclang $libclang_wheel for bindgen"
      # No pip, or no network: there is another way below.
      "$python" -m pip install --quiet --disable-pip-version-check --no-deps \
        --target "$dir/wheel" "libclang==$libclang_wheel" >/dev/null 2>&1 || true
    done
    if [ ! -f "$found" ]; then
      if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        die "no libclang: install it, or pip for python3"
      fi
      { apt-get update -qq && apt-get install -y -qq --no-install-recommends libclang1; } >&2
      found=$(installed_libclang) || die "no libclang even after installing libclang1"
    fi
  fi
  ln -sfn "$found" "$dir/libclang.so"
}

write_env() {
  local new
  new=$(mktemp "$cache/.env.XXXXXX")
  cat >"$new" <<END
# Written by scripts/rocksdb.sh; source it before cargo.
export ROCKSDB_LIB_DIR='$library'
export ROCKSDB_STATIC=1
export LIBCLANG_PATH='$cache/libclang'
export BINDGEN_EXTRA_CLANG_ARGS='-I$("$cxx" -print-file-name=include)'
END
  chmod 644 "$new"
  if cmp -s "$new" "$cache/env.sh"; then rm -f "$new"; else mv "$new" "$cache/env.sh"; fi
}

command -v "$cxx" >/dev/null || die "no C++ compiler: $cxx (set CXX)"
mkdir -p "$cache/rocksdb"
exec 9>"$cache/rocksdb/.lock"
! command -v flock >/dev/null || flock 9

cd "$root"
cargo fetch --quiet
metadata=$(cargo metadata --format-version 1 --offline)
host=$(rustc -vV | sed -n 's/^host: //p')
sys=$(crate_dir librocksdb-sys)
zstd=$(crate_dir zstd-sys)
lz4=$(crate_dir lz4-sys)
if [ -z "$sys" ] || [ -z "$zstd" ] || [ -z "$lz4" ]; then
  die "librocksdb-sys, zstd-sys or lz4-sys is not in Cargo.lock"
fi
for header in "$zstd/zstd/lib/zstd.h" "$lz4/liblz4/lib/lz4.h"; do [ -f "$header" ] || die "no $header"; done
case $host in *-linux-*) ;; *) die "only Linux is supported here, not $host: use plain cargo build" ;; esac

features=$(cargo tree --offline --workspace -i librocksdb-sys --depth 0 -f '{f}' 2>/dev/null | head -n 1)
standard=$(sed -n '/^fn cxx_standard/,/^}/s/.*"\(-std=c++[0-9a-z]*\)".*/\1/p' "$sys/build.rs")
version=$(basename "$sys" | sed 's/^librocksdb-sys-//')
flags="${standard:?not found in build.rs} -O2 -fPIC -ffunction-sections -fdata-sections -w -include cstdint \
$(defines "$features")$(machine_flags)${CXXFLAGS:-}"
includes="-I$sys/rocksdb/include -I$sys/rocksdb -I$sys -I$zstd/zstd/lib -I$lz4/liblz4/lib"
key=$(printf '%s\n' "$flags" "$includes" "$chunk_files" "$("$cxx" --version | head -n 1)" | cksum | cut -d' ' -f1)
library=$cache/rocksdb/$version-$key

[ -z "${VT_ROCKSDB_PRINT_FLAGS:-}" ] || { printf '%s\n' "$flags"; exit 0; }
[ -f "$library/librocksdb.a" ] || build_library "$library"
provide_libclang
write_env
