#!/usr/bin/env bash
# The default studies through a Slurm of this machine's own: the same bytes as without it?
#
#     tests/slurm/run.sh                        (STUDIES="kimi-linear ..." for some of them)
#
# Needs root on Debian, in a container, say: installs slurm-wlm and munge where they are missing, and
# starts munged, slurmctld and slurmd with all that they write in a temporary folder. Elsewhere it
# says so, and ends with status 0. Some seven minutes on two idle cores.
#
# 1. All default studies; in the middle of them the node dies (slurmd and all that it runs) and comes
#    back. The same bytes as a local run, stamps included; nothing left to do; 12 cluster jobs at most.
# 2. A job that asks for too little memory is killed by Slurm, and repeated with more.
set -euo pipefail
cd "$(dirname "$0")/../.."

skip() {
  echo "SKIPPED: tests/slurm/run.sh: $*"
  exit 0
}

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  skip "it starts a Slurm of its own, for which it must be root on Debian (in a container, say)"
fi
if ! command -v slurmctld slurmd sbatch munged >/dev/null; then
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends slurm-wlm munge >/dev/null ||
    skip "slurm-wlm and munge cannot be installed"
fi
make --no-print-directory PROFILE=slurm setup

here=$PWD
home=$(mktemp -d)
daemons=()
made=

stop() {
  status=$?
  # shellcheck disable=SC2046
  [ -z "$made" ] || kill $(pgrep -P "$made") 2>/dev/null || true
  scancel --quiet --user=root 2>/dev/null && sleep 3 || true
  kill "${daemons[@]}" 2>/dev/null && sleep 2 || true
  if [ "$status" != 0 ]; then
    tail -n 40 "$home"/*.log "$home"/*/.snakemake/slurm_logs/*/*.log 2>/dev/null || true
  fi
  rm -rf "$home"
  exit "$status"
}
trap stop EXIT
trap 'exit 1' INT TERM

fail() {
  echo "FAILED: $*"
  exit 1
}

# --- a cluster of one node

cluster() {
  local node
  node=$(hostname -s)
  mkdir "$home/state" "$home/spool" "$home/bin"
  (umask 077 && head -c 1024 /dev/urandom >"$home/munge.key")
  cat >"$home/slurm.conf" <<CONF
ClusterName=isoloss
SlurmctldHost=$node(127.0.0.1)
SlurmctldPort=26817
SlurmdPort=26818
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$home/munge.socket
StateSaveLocation=$home/state
SlurmdSpoolDir=$home/spool
SlurmctldPidFile=$home/slurmctld.pid
SlurmdPidFile=$home/slurmd.pid
SlurmctldLogFile=$home/slurmctld.log
SlurmdLogFile=$home/slurmd.log
AccountingStorageType=accounting_storage/none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
ReturnToService=2
# Every second the memory of each job is looked at, and a job with more than it asked for killed.
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
KillWait=2
NodeName=$node NodeAddr=127.0.0.1 CPUs=2 RealMemory=8000
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
  # Snakemake's plugin takes SLURM_CONF away from srun; a cluster has its configuration in its place.
  printf '#!/bin/sh\nSLURM_CONF=%s exec %s "$@"\n' "$home/slurm.conf" "$(command -v srun)" >"$home/bin/srun"
  chmod +x "$home/bin/srun"
  export PATH=$home/bin:$PATH SLURM_CONF=$home/slurm.conf USER=${USER:-root}
  munged --force --foreground --key-file="$home/munge.key" --socket="$home/munge.socket" \
    --pid-file="$home/munge.pid" --log-file="$home/munge.log" --seed-file="$home/munge.seed" \
    >/dev/null 2>&1 &
  daemons+=($!)
  slurmctld -D >/dev/null 2>&1 &
  daemons+=($!)
  node_comes_up
}

node_comes_up() {
  slurmd -D >/dev/null 2>&1 &
  slurmd=$!
  daemons+=("$slurmd")
  for _ in $(seq 60); do
    sinfo --noheader --format=%T 2>/dev/null | grep -qE '^(idle|mixed|allocated)$' && return
    sleep 1
  done
  fail "the node does not come up"
}

# At once slurmd, its steps (they are not its children) and what runs in them.
node_dies() {
  local pid parent running steps=()
  mapfile -t running < <(scontrol listpids | awk 'NR > 1 && $1 > 0 {print $1}')
  for pid in "${running[@]}"; do
    parent=$(ps -o ppid= -p "$pid" | tr -d ' ') || continue
    [[ $(ps -o comm= -p "$parent") != slurmstepd* ]] || steps+=("$parent")
  done
  [ "${#steps[@]}" -gt 0 ] || return 1
  kill -9 "$slurmd" "${steps[@]}" "${running[@]}" 2>/dev/null || true
}

# --- copies of the project

copy() { # folder
  mkdir "$1"
  git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -pt "$1"
  ln -s "$here/.venv" "$1/.venv"
  [ -z "${STUDIES:-}" ] || sed -i "s/^studies: .*/studies: [${STUDIES// /, }]/" "$1/config/config.yaml"
}

QUICK="--slurm-init-seconds-before-status-checks 5 --latency-wait 10"

on_slurm() { # folder
  timeout 1800 make --no-print-directory -C "$1" PROFILE=slurm ARGS="$QUICK" >"$1.log" 2>&1
}

submitted() { # folder
  grep -c 'has been submitted with SLURM jobid' "$1.log"
}

took() {
  echo "   $((SECONDS - start)) s"
  start=$SECONDS
}

cluster
start=$SECONDS

echo "== the default studies without Slurm"
copy "$home/local"
make --no-print-directory -C "$home/local" CORES=2 >"$home/local.log" 2>&1 || fail "make"
[ -n "${STUDIES:-}" ] || (cd "$home/local" && sha256sum --quiet --check config/results.sha256) ||
  fail "other bytes than those published"
took

echo "== through Slurm; the node dies in the middle and comes back"
copy "$home/on Slurm"
on_slurm "$home/on Slurm" &
made=$!
until compgen -G "$home/on Slurm/results/points/*.csv" >/dev/null; do
  kill -0 $made 2>/dev/null || wait $made
  sleep 1
done
until node_dies; do sleep 1; done
sleep 30 # Slurm takes a job of the last 20 seconds for one that is still starting
node_comes_up
wait $made || fail "the node's death is not survived"
made=
took
lost=$(grep -c 'Trying to restart job' "$home/on Slurm.log" || true)
jobs=$(($(submitted "$home/on Slurm") - lost))
echo "   $jobs cluster jobs, and $lost that were lost with the node"
[ "$lost" -ge 1 ] || fail "nothing was lost with the node"
[ "$jobs" -le 12 ] || fail "more than 12 cluster jobs"
diff -r "$home/local/results" "$home/on Slurm/results" || fail "other bytes than without Slurm"
echo "   $(find "$home/local/results" -type f | wc -l) files with the same bytes"
(cd "$home/on Slurm" && .venv/bin/snakemake --workflow-profile workflow/profiles/default -n) |
  grep 'Nothing to be done' || fail "something is left to do"

echo "== a job that asks for too little memory"
copy "$home/memory"
sed -i 's/^MEMORY, MEMORY_A_MB = 1000/MEMORY, MEMORY_A_MB = 200/' "$home/memory/workflow/rules/common.smk"
sed -i 's/^studies: .*/studies: [kimi-linear]/' "$home/memory/config/config.yaml"
# shellcheck disable=SC2086
(cd "$home/memory" && timeout 600 .venv/bin/snakemake --workflow-profile workflow/profiles/slurm \
  $QUICK --until clean) >"$home/memory.log" 2>&1 || fail "a job killed for its memory is not survived"
took
asked=$(squeue --noheader --states=all --format='%i %m %T' --sort=i | tail -n "$(submitted "$home/memory")")
echo "$asked"
grep -q 'exceeded memory limit' "$home/slurmd.log" || fail "Slurm has killed nothing for its memory"
[ "$(wc -l <<<"$asked")" -ge 2 ] || fail "nothing was repeated"
awk '{mb = $2 + 0} mb < 2 * last {exit 1} {last = mb}' <<<"$asked" || fail "not repeated with more"
diff -r "$home/local/results/clean/kimi-linear" "$home/memory/results/clean/kimi-linear" ||
  fail "other bytes than with enough memory"
echo "Slurm: all as it should be"
