# For scripts that name each thing they look at: sets `bad`, the number of those that failed.
bad=0

# check NAME COMMAND…
check() {
  local name=$1
  shift
  if "$@"; then
    echo "ok      $name"
  else
    echo "FAILED  $name"
    bad=$((bad + 1))
  fi
}
