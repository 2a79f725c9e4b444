# shellcheck shell=bash
# How bench/compare starts Sluice: one worker on the proxy's core, configuration and catalogue made for the run.
# Twice: as it is, and with its ledger in memory, where a sync costs nothing, to tell what durability costs (G1, G4).
# That one is a measuring device; a node's ledger belongs on a disk.
#
# Everything that knows Sluice's own files and calls stands here, and nowhere else in bench/; a test of sluice-bench
# loads what this file writes. Sourced by compare, which provides PKI (certificates and keys), RUN (scratch
# directory), BIN (build output), BENCH (sluice-bench), PROXY_CORE, and the functions
# `start NAME CORE COMMAND…` (pinned and bounded in time, sets STARTED) and `wait_port PORT NAME`.

SLUICE_PORT=8443
SLUICE_VOLATILE_PORT=8453
# Both are addressed by the tokens of one issuer.
SLUICE_URL="https://localhost:$SLUICE_PORT"
SLUICE_ISSUER=https://idp.bench.example
SLUICE_PERSON_PATH=/v1/resources/900001001/000001/query
SLUICE_PENALTIES_PATH=/v1/resources/900002001/000002/query
SLUICE_CALL_PATH=/v1/resources/900003001/000003/call/289/query
SLUICE_PERSON_BODY='{"filter":{"GMSFHM":"430689198503120011"}}'
SLUICE_PENALTIES_BODY='{"filter":{"TYSHXYDM":"91430689TE0000010W"}}'
# A text that only a right answer holds: a granted item of the last record.
SLUICE_PERSON_TEXT='湖南省岳阳市临澜市临江镇长江路18号2栋301室'
SLUICE_PENALTIES_TEXT='临市监罚〔2026〕0020号'

# start_sluice NAME PORT LEDGER; sets SLUICE_STARTED to a process whose tree holds the gateway.
start_sluice() {
  if [ ! -x "$BIN/sluice" ]; then
    echo "bench/compare: $BIN/sluice is missing; build it: cargo build --profile bench -p sluice-server" >&2
    return 1
  fi
  write_sluice_files "$1" "$2" "$3"
  if ! "$BIN/sluice" check --config "$RUN/$1.toml" >"$RUN/$1-check.log" 2>&1; then
    echo "bench/compare: sluice check refuses the bench's configuration:" >&2
    tail -n 20 "$RUN/$1-check.log" >&2
    return 1
  fi
  start "$1" "$PROXY_CORE" "$BIN/sluice" serve --config "$RUN/$1.toml"
  SLUICE_STARTED=$STARTED
  wait_port "$2" "$1"
}

# Tokens of a configured issuer, bound to the client certificate.
mint_sluice_tokens() {
  "$BENCH" tokens --key "$PKI/jwt_es.key" --iss "$SLUICE_ISSUER" --aud "$SLUICE_URL" --sub bench.main \
    --bind "$PKI/bench.main.pem" --out "$1"
}

# write_sluice_files NAME PORT LEDGER: NAME.toml and the catalogue, in $RUN.
write_sluice_files() {
  local name=$1 port=$2 ledger=$3
  od -An -tx1 -N32 /dev/urandom | tr -d ' \n' >"$RUN/$name-subjects.hex"
  cat >"$RUN/$name.toml" <<TOML
[node]
name = "$name"
environment = "test"

[data]
listen = "127.0.0.1:$port"
public_url = "https://localhost:$port"
certificate = "$PKI/server.pem"
key = "file:$PKI/server.key"
client_ca = "$PKI/ca.pem"
crl = ["$PKI/crl.pem"]
workers = 1

[ops]
listen = "127.0.0.1:$((port + 2))"

[ledger]
dir = "$ledger"
origin = "bench.example/access"

[tokens]
signing_key = "file:$PKI/jwt_es.key"

[[tokens.issuers]]
issuer = "$SLUICE_ISSUER"
audience = "$SLUICE_URL"
jwks = "$PKI/jwks.json"

[subjects]
key = "file:$RUN/$name-subjects.hex"

[catalogue]
files = ["$RUN/catalogue.toml"]

[log]
level = "warn"
TOML
  cat >"$RUN/catalogue.toml" <<TOML
[[purposes]]
code = "SHJZ"
name = "社会救助核对"

[[parties]]
key = "provider"
uscc = "11430689T0000001X2"
name = "临澜市提供部门(样例)"
kind = "行政机关"

[[parties]]
key = "bench"
uscc = "11430689T000000282"
name = "临澜市使用部门(样例)"
kind = "行政机关"
handlers = [{ id = "u-0001", name = "经办人(样例)", post = "经办" }]

[[systems]]
id = "bench.main"
party = "bench"
certificates = ["$PKI/bench.main.pem"]

[[resources]]
code = "900001001/000001"
name = "户籍人口基准信息(样例)"
provider = "provider"
share_type = "conditional"
modes = ["query"]
update_cycle = "实时"
key_sets = [["GMSFHM"]]
items = [
  { code = "GMSFHM", name = "公民身份号码", type = "C", length = 18, level = "L3", semantic = "cn_id18", key = true },
  { code = "XM", name = "姓名", type = "C", length = 50, level = "L2", semantic = "person_name" },
  { code = "XB", name = "性别", type = "C", length = 1, level = "L2" },
  { code = "MZ", name = "民族", type = "C", length = 2, level = "L3" },
  { code = "CSRQ", name = "出生日期", type = "D", length = 10, level = "L3", semantic = "birth_date" },
  { code = "HJDZ", name = "户籍地址", type = "C", length = 200, level = "L3", semantic = "address" },
  { code = "BZ", name = "备注", type = "C", length = 200, level = "L2" },
]

[[resources]]
code = "900002001/000002"
name = "行政处罚信息(样例)"
provider = "provider"
share_type = "conditional"
modes = ["query"]
update_cycle = "实时"
key_sets = [["TYSHXYDM"]]
items = [
  { code = "TYSHXYDM", name = "统一社会信用代码", type = "C", length = 18, level = "L1", semantic = "uscc", key = true },
  { code = "JDSWH", name = "决定书文号", type = "C", length = 64, level = "L1" },
  { code = "WFSS", name = "违法事实", type = "C", length = 2000, level = "L1" },
  { code = "CFNR", name = "处罚内容", type = "C", length = 2000, level = "L1" },
  { code = "CFRQ", name = "处罚日期", type = "D", length = 10, level = "L1" },
  { code = "CFJG", name = "处罚机关", type = "C", length = 100, level = "L1" },
  { code = "GSQX", name = "公示期限", type = "D", length = 10, level = "L1" },
]

[[resources]]
code = "900003001/000003"
name = "接口调用(样例)"
provider = "provider"
share_type = "conditional"
modes = ["call"]
update_cycle = "实时"
key_sets = [["WH"]]
items = [{ code = "WH", name = "文号", type = "C", length = 64, level = "L1", key = true }]
operations = [{ id = "read", method = "POST", path = "/289/query", items = ["WH"], safe = true, request_types = ["application/json"] }]

[[rest]]
resource = "900001001/000001"
base_url = "http://127.0.0.1:9000/records/289"
style = "standard"
concurrency = 1000
connections_max = 256

[[rest]]
resource = "900002001/000002"
base_url = "http://127.0.0.1:9000/records/10k"
style = "standard"
concurrency = 1000
connections_max = 256

[[rest]]
resource = "900003001/000003"
base_url = "http://127.0.0.1:9000/records"
concurrency = 1000
connections_max = 256

[[grants]]
id = "G-9001"
party = "bench"
resource = "900001001/000001"
modes = ["query"]
fields = ["GMSFHM", "XM", "XB", "CSRQ", "HJDZ"]
clear_level = "L3"
purposes = ["SHJZ"]
valid_from = "2026-01-01"
valid_until = "2099-12-31"
limits = { per_second = 1000000, per_day = 1000000000 }

[[grants]]
id = "G-9002"
party = "bench"
resource = "900002001/000002"
modes = ["query"]
fields = ["TYSHXYDM", "JDSWH", "CFRQ", "CFJG"]
clear_level = "L3"
purposes = ["SHJZ"]
valid_from = "2026-01-01"
valid_until = "2099-12-31"
limits = { per_second = 1000000, per_day = 1000000000 }

[[grants]]
id = "G-9003"
party = "bench"
resource = "900003001/000003"
modes = ["call"]
operations = ["read"]
fields = ["WH"]
clear_level = "L3"
purposes = ["SHJZ"]
valid_from = "2026-01-01"
valid_until = "2099-12-31"
limits = { per_second = 1000000, per_day = 1000000000 }
TOML
}
