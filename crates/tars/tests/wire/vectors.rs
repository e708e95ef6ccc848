//! The golden vectors of the wire: bytes that other programs wrote or answered, each with a name, what it shows, and where it
//! comes from.
//!
//! Tests refer to a vector by its name, so this table has each of them once. A vector that no test uses is a compiler warning.

use crate::support::hex;
use std::fmt;

/// One row of the table.
#[derive(Debug)]
pub struct Vector {
    /// Hexadecimal digits. Blanks mean nothing, and `61*255` is the byte 61, 255 times.
    digits: &'static str,
    shows: &'static str,
    source: Source,
}

/// Where a vector comes from.
#[derive(Debug)]
enum Source {
    GoCodec,
    Client,
    GoServer,
    K8sFramework,
    K8Stars,
    Hand,
}

/// Written, or at least read, by the codec of TarsGo 1.4.5.
const fn go_codec(digits: &'static str, shows: &'static str) -> Vector {
    Vector { digits, shows, source: Source::GoCodec }
}

/// Captured from a client.
const fn captured(digits: &'static str, shows: &'static str) -> Vector {
    Vector { digits, shows, source: Source::Client }
}

/// Captured from a running server of TarsGo 1.4.5: its answer, or input that makes it close the connection.
const fn go_server(digits: &'static str, shows: &'static str) -> Vector {
    Vector { digits, shows, source: Source::GoServer }
}

/// A message between tarsnode and the registry of K8SFramework, by its interface definition.
const fn k8sframework(digits: &'static str, shows: &'static str) -> Vector {
    Vector { digits, shows, source: Source::K8sFramework }
}

/// A message of K8STARS as its TarsGo 1.1 writes it.
const fn k8stars(digits: &'static str, shows: &'static str) -> Vector {
    Vector { digits, shows, source: Source::K8Stars }
}

/// Put together by hand from the rules of the wire.
const fn by_hand(digits: &'static str, shows: &'static str) -> Vector {
    Vector { digits, shows, source: Source::Hand }
}

impl Vector {
    pub fn bytes(&self) -> Vec<u8> {
        let expand = |group: &str| match group.split_once('*') {
            Some((byte, count)) => hex(byte).repeat(count.parse().unwrap()),
            None => hex(group),
        };
        self.digits.split(' ').flat_map(expand).collect()
    }
}

impl fmt::Display for Vector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:?})", self.shows, self.source)
    }
}

// Integers take the smallest form that holds their value.
pub const TRUE: Vector = go_codec("0001", "bool true under tag 0 is the byte 1");
pub const FALSE: Vector = go_codec("1c", "bool false under tag 1 has no payload");
pub const BYTE_MINUS_1: Vector = go_codec("20ff", "byte -1 under tag 2");
pub const BYTE_0: Vector = go_codec("3c", "byte 0 under tag 3");
pub const BYTE_MINIMUM: Vector = go_codec("0080", "byte -128 under tag 0");
pub const SHORT_127: Vector = go_codec("007f", "short 127 under tag 0, the largest BYTE");
pub const SHORT_128: Vector = go_codec("010080", "short 128 under tag 0, the smallest positive SHORT");
pub const SHORT_MINUS_129: Vector = go_codec("01ff7f", "short -129 under tag 0, the largest negative SHORT");
pub const INT_100: Vector = go_codec("5064", "int 100 under tag 5 is a BYTE");
pub const INT_32767: Vector = go_codec("117fff", "int 32767 under tag 1, the largest SHORT");
pub const INT_32768: Vector = go_codec("1200008000", "int 32768 under tag 1, the smallest positive INT");
pub const INT_MINUS_32769: Vector = go_codec("12ffff7fff", "int -32769 under tag 1, the largest negative INT");
pub const INT_MINIMUM: Vector = go_codec("1280000000", "int -2147483648 under tag 1");
pub const LONG_2147483647: Vector = go_codec("127fffffff", "long 2147483647 under tag 1, the largest INT");
pub const LONG_2147483648: Vector = go_codec("130000000080000000", "long 2147483648 under tag 1, the smallest positive LONG");
pub const LONG_MINUS_2147483649: Vector =
    go_codec("13ffffffff7fffffff", "long -2147483649 under tag 1, the largest negative LONG");
pub const LONG_MINIMUM: Vector = go_codec("138000000000000000", "the smallest long under tag 1");
pub const UNSIGNED_BYTE_200: Vector = go_codec("0100c8", "unsigned byte 200 under tag 0 is a SHORT");
pub const UNSIGNED_SHORT_65535: Vector = go_codec("020000ffff", "unsigned short 65535 under tag 0 is an INT");
pub const UNSIGNED_INT_4294967295: Vector = go_codec("0300000000ffffffff", "unsigned int 4294967295 under tag 0 is a LONG");

// Heads: tags from 15 on take a byte of their own.
pub const TAG_14: Vector = go_codec("e007", "int 7 under tag 14, the last tag in the first byte of a head");
pub const TAG_15: Vector = go_codec("f00f07", "int 7 under tag 15, the first tag in a byte of its own");
pub const TAG_16: Vector = go_codec("fc10", "int 0 under tag 16");
pub const TAG_200: Vector = go_codec("f6c80178", "string 'x' under tag 200");
pub const TAG_255: Vector = go_codec("f0ffff", "int -1 under tag 255, the last tag");

// Floating-point numbers always have their full payload.
pub const FLOAT_1_5: Vector = go_codec("043fc00000", "float 1.5 under tag 0");
pub const FLOAT_0: Vector = go_codec("0400000000", "float 0 under tag 0");
pub const DOUBLE_MINUS_0_25: Vector = go_codec("05bfd0000000000000", "double -0.25 under tag 0");
pub const DOUBLE_0: Vector = go_codec("050000000000000000", "double 0 under tag 0");

// Strings.
pub const EMPTY_STRING: Vector = go_codec("0600", "the empty string under tag 0");
pub const STRING_TARS: Vector = go_codec("160474617273", "string 'tars' under tag 1");
pub const STRING_OF_ONE_CHINESE_CHARACTER: Vector = go_codec("1603e4b8ad", "string U+4E2D under tag 1: the length counts bytes");
pub const STRING_OF_255_BYTES: Vector = go_codec("26ff 61*255", "string of 255 times 'a' under tag 2, the longest STRING1");
pub const STRING_OF_256_BYTES: Vector =
    go_codec("2700000100 61*256", "string of 256 times 'a' under tag 2, the shortest STRING4");

// Maps, lists and byte vectors.
pub const EMPTY_MAP: Vector = go_codec("080c", "an empty map under tag 0");
pub const MAP_OF_STRINGS: Vector = go_codec("98000106016b160176", "map {'k': 'v'} under tag 9");
pub const MAP_OF_INTS: Vector = go_codec("38000200051c006411012c", "map<int, int> {5: 0, 100: 300} under tag 3");
pub const EMPTY_LIST: Vector = go_codec("290c", "an empty list under tag 2");
pub const LIST_OF_INTS: Vector =
    go_codec("2900040c000100ff0103e8", "list<int> [0, 1, -1, 1000] under tag 2: each element in its smallest form");
pub const LIST_OF_STRINGS: Vector = go_codec("f91000020601610600", "list<string> ['a', ''] under tag 16");
pub const LIST_OF_LISTS: Vector = go_codec("090002090c0900010001", "list<list<int>> [[], [1]] under tag 0");
pub const EMPTY_BYTES: Vector = go_codec("7d000c", "an empty byte vector under tag 7");
pub const BYTES: Vector = go_codec("7d00000301ff00", "bytes 01 ff 00 under tag 7 as SIMPLE LIST");
pub const BYTES_200: Vector = go_codec("7d000100c8 5a*200", "200 bytes 5a under tag 7: the count is a SHORT");
pub const BYTES_AS_LIST: Vector = go_codec("790003000100ff0c", "bytes 01 ff 00 under tag 7 as LIST; read only");
pub const UNSIGNED_BYTES: Vector = by_hand("79000200010100c8", "vector<unsigned byte> [1, 200] under tag 7 is a LIST");
pub const UNSIGNED_BYTES_AS_SIMPLE_LIST: Vector =
    by_hand("7d00000201c8", "vector<unsigned byte> [1, 200] under tag 7 as SIMPLE LIST; read only");

// Structs of the framework.
pub const STRUCT_WITHOUT_FIELDS: Vector = go_codec("1a0b", "a struct without fields under tag 1");
pub const ENDPOINT_FIELDS: Vector = go_codec(
    "0621746172732d74617273636f6e6669672d302e746172732d74617273636f6e666967112711220000ea6030014c",
    "the fields of an EndpointF without STRUCT BEGIN and STRUCT END",
);
pub const ENDPOINT: Vector = go_codec(
    "0a0621746172732d74617273636f6e6669672d302e746172732d74617273636f6e666967112711220000ea6030014c0b",
    "the same EndpointF as a block under tag 0: a TCP endpoint of tars-tarsconfig-0",
);
pub const ENDPOINT_WITH_ALL_FIELDS: Vector = go_codec(
    "0a060831302e302e302e311145e221177030014c50ff60ff76076d74742e732e3180019001b050c001d0010b",
    "an EndpointF under tag 0 with every optional field that TarsGo 1.4.5 knows",
);
pub const ENDPOINT_OF_UDP: Vector = go_codec(
    "0a0617746573742d68656c6c6f2d302e746573742d68656c6c6f112710220000ea603c4c0b",
    "an EndpointF under tag 0 of a UDP servant: istcp 0",
);
pub const ENDPOINT_OF_A_LATER_VERSION: Vector = go_codec(
    "0a0601681001200230014ca900010a32000111700bb032e6066e6f64652d61f814000100011540000000000000000b",
    "an EndpointF under tag 0 with fields that TarsGo 1.4.5 does not know: a list of structs, a string, a map; read only",
);
pub const HEARTBEAT_OF_AN_ADAPTER: Vector =
    go_codec("1a060454657374160548656c6c6f2110e1360c41646d696e416461707465720b", "ServerInfo of an adapter as argument 1");
pub const HEARTBEAT_OF_A_SERVER: Vector = go_codec(
    "1a060454657374160548656c6c6f2110e10b",
    "ServerInfo without adapter as argument 1: the empty optional string is left out",
);
pub const STAT_HEAD: Vector = go_codec(
    "0a0603412e421603432e442601663607312e312e312e314607322e322e322e3250506ca605312e342e350b",
    "StatMicMsgHead under tag 0",
);
pub const STAT_BODY: Vector = go_codec("1a00011c2c380001000510014003500360030b", "StatMicMsgBody under tag 1");
pub const STAT_REPORT: Vector = go_codec(
    "1800010a0603412e421603432e442601663607312e312e312e314607322e322e322e3250506ca605312e342e350b1a00011c2c380001000510014003500360030b2001",
    "arguments of reportMicMsg(map, true): a map whose keys are structs",
);
pub const PROPERTY_HEAD: Vector =
    go_codec("0a0603412e421607312e312e312e3126017170020b", "StatPropMsgHead under tag 0 with iPropertyVer 2");
pub const PROPERTY_HEAD_WITH_DEFAULT_VERSION: Vector = go_codec(
    "0a0603412e421607312e312e312e312601710b",
    "StatPropMsgHead under tag 0 with iPropertyVer 1: the declared default is left out",
);
pub const NOTIFY_REPORT: Vector =
    go_codec("1a1c260341707036004600560653696d706c656602686980020b", "ReportInfo as argument 1: an optional enum is written");
pub const CONFIG_FILE_ARGUMENTS: Vector = go_codec(
    "1a0601411601422606632e636f6e663c0b2600",
    "arguments of loadConfigByInfo({A, B, c.conf}) with the out-parameter, empty, under tag 2",
);
pub const LOG_INFO: Vector =
    go_codec("1a06014116014226016636062559256d25640b", "LogInfo as argument 1: all optional fields have their defaults");

// Values that tarsnode and the registry exchange.
pub const DESCRIPTOR_ARGUMENTS: Vector =
    k8sframework("160454657374260548656c6c6f", "arguments of getServerDescriptor('Test', 'Hello')");
pub const ADAPTER_DESCRIPTOR: Vector = k8sframework(
    "1a061a546573742e48656c6c6f2e48656c6c6f4f626a416461707465721623746370202d6820247b6c6f63616c69707d202d70203130303030202d74203630303030200331271046005613546573742e48656c6c6f2e48656c6c6f4f626a612710720000ea608604746172730b",
    "AdapterDescriptor of Test.Hello.HelloObj under tag 1",
);
pub const DESCRIPTOR_RESULTS: Vector = k8sframework(
    "0c3a060f3c746172733e0a3c2f746172733e0a1003280001061a546573742e48656c6c6f2e48656c6c6f4f626a416461707465721a061a546573742e48656c6c6f2e48656c6c6f4f626a416461707465721623746370202d6820247b6c6f63616c69707d202d70203130303030202d74203630303030200331271046005613546573742e48656c6c6f2e48656c6c6f4f626a612710720000ea608604746172730b0b",
    "results of getServerDescriptor: 0, and a descriptor with one adapter",
);
pub const DESCRIPTOR_RESULTS_OF_AN_UNKNOWN_SERVER: Vector =
    k8sframework("00ff3a0600280c0b", "results of getServerDescriptor for an unknown server: -1, and an empty descriptor");
pub const STATE_ARGUMENTS: Vector = k8sframework(
    "160c746573742d68656c6c6f2d3026064163746976653606416374697665",
    "arguments of updateServerState('test-hello-0', 'Active', 'Active')",
);

// Messages of K8STARS. Its older writer also writes fields that have their default.
pub const K8STARS_STARTUP: Vector = k8stars(
    "1a060831302e302e302e351603417070260653696d706c6536004900010a06124170702e53696d706c652e4d61696e4f626a1621746370202d682031302e302e302e35202d70203133303030202d742033303030302604746172733200030d404005512710620000ea600b5c660a61637469766174696e67760276310b",
    "argument of onStartup with one adapter; read only, because defaults are written",
);
pub const K8STARS_KEEP_ALIVE: Vector =
    k8stars("1a060831302e302e302e3516066163746976652603417070360653696d706c650b", "argument of keepAlive");
pub const K8STARS_PRESTOP: Vector = k8stars("1a060831302e302e302e351603417070260653696d706c650b", "argument of onPrestop");
pub const K8STARS_METRICS: Vector =
    k8stars("1a060831302e302e302e351603417070260653696d706c6531246d0b", "argument of registerMetrics");
pub const K8STARS_EMPTY_FILTER: Vector =
    k8stars("1a080c0b", "argument of getMetricsAdapters with an empty map; read only, because the map is written");
pub const K8STARS_METRICS_TARGETS: Vector =
    k8stars("0a090001060d31302e302e302e353a39333235180001060373657416000b", "MetricsAdapterInfo under tag 0");

// Attributes of packets of versions 2 and 3.
pub const ATTRIBUTES: Vector = go_codec(
    "080001060269641d00001b0619746172732e74617273636f6e6669672e436f6e6669674f626a",
    "UniAttribute of version 3 {'id': 'tars.tarsconfig.ConfigObj'}",
);
pub const EMPTY_ATTRIBUTES: Vector = go_codec("080c", "an empty UniAttribute of version 3");
pub const ATTRIBUTES_WITH_TYPE_NAMES: Vector = by_hand(
    "080001060269641800010606737472696e671d00001b0619746172732e74617273636f6e6669672e436f6e6669674f626a",
    "UniAttribute of version 2: a type name stands between the name and the value",
);

// Frames with a request.
pub const PING_REQUEST: Vector = go_codec(
    "0000003b10012c3c4001561a746172732e7461727372656769737472792e51756572794f626a6609746172735f70696e677d000c810bb8980ca80c",
    "tars_ping to tars.tarsregistry.QueryObj, id 1, timeout 3000 ms",
);
pub const ONE_WAY_PING_REQUEST: Vector = go_codec(
    "0000003f100120013c4200011170561a746172732e7461727372656769737472792e51756572794f626a6609746172735f70696e677d000c810bb8980ca80c",
    "one-way tars_ping, id 70000",
);
pub const LOOKUP_REQUEST: Vector = go_codec(
    "0000005c10012c3c4002561a746172732e7461727372656769737472792e51756572794f626a660e66696e644f626a656374427949647d00001b1619746172732e74617273636f6e6669672e436f6e6669674f626a810bb8980ca80c",
    "findObjectById('tars.tarsconfig.ConfigObj'), id 2",
);
pub const LOOKUP_REQUEST_WITH_HEADERS: Vector = go_codec(
    "0000009810012c30044003561a746172732e7461727372656769737472792e51756572794f626a661966696e644f626a65637442794964496e53616d6547726f75707d00001f1619746172732e74617273636f6e6669672e436f6e6669674f626a290c390c810bb898000106096e6f64655f6e616d65160831302e302e302e39a80001060f5354415455535f445945445f4b455916027531",
    "findObjectByIdInSameGroup, id 3: context, status, the DYED bit, and empty out-parameters",
);
pub const REQUEST_WITH_LOWEST_ID: Vector =
    go_codec("0000001f10012c3c42800000005605412e422e436601667d000c8c980ca80c", "request with id -2147483648 and no arguments");
pub const NOTIFY_REQUEST: Vector = captured(
    "0000003f10012c3c4001560841646d696e4f626a66066e6f746966797d0000181616746172732e7365746c6f676c6576656c20444542554781012c980ca80c",
    "notify('tars.setloglevel DEBUG') to AdminObj, id 1, timeout 300 ms",
);
pub const SHUTDOWN_REQUEST: Vector = captured(
    "0000002810012c3c4003560841646d696e4f626a660873687574646f776e7d000c81012c980ca80c",
    "shutdown() to AdminObj, id 3, timeout 300 ms",
);
pub const SET_LOOKUP_REQUEST: Vector = captured(
    "0000006c10012c3c4001561a746172732e7461727372656769737472792e51756572794f626a661766696e644f626a65637442794964496e53616d655365747d0000221613746172732e746172736c6f672e4c6f674f626a26076d74742e732e31390c490c810bb8980ca80c",
    "findObjectByIdInSameSet('tars.tarslog.LogObj', 'mtt.s.1'), id 1",
);
pub const STATION_LOOKUP_ARGUMENTS: Vector = go_codec(
    "1619746172732e74617273636f6e6669672e436f6e6669674f626a2602737a390c490c",
    "arguments alone of findObjectByIdInSameStation('tars.tarsconfig.ConfigObj', 'sz') with empty out-parameters",
);
pub const NAMED_LOOKUP_REQUEST: Vector = go_codec(
    "0000006510032c3c4007561a746172732e7461727372656769737472792e51756572794f626a660e66696e644f626a656374427949647d000026080001060269641d00001b0619746172732e74617273636f6e6669672e436f6e6669674f626a8c980ca80c",
    "findObjectById of version 3, id 7",
);
pub const NAMED_LOOKUP_RESPONSE: Vector = go_server(
    "0000004c10032c3c4007560066007d00003508000206001d00000f0900010a0601681001200230014c0b0608746172735f7265741d00000f0900010a0601681001200230014c0b8c980ca80c",
    "response of version 3, id 7: it has the layout of a request, and the result under two names",
);
pub const DESCRIPTOR_REQUEST: Vector = k8sframework(
    "0000005610012c3c400a561d746172732e7461727372656769737472792e52656769737472794f626a661367657453657276657244657363726970746f727d00000d160454657374260548656c6c6f811770980ca80c",
    "getServerDescriptor to RegistryObj, id 10, timeout 6000 ms",
);
pub const STATE_REQUEST: Vector = k8sframework(
    "0000006f10012c3c4008561d746172732e7461727372656769737472792e52656769737472794f626a661175706461746553657276657253746174657d00001e160c746573742d68656c6c6f2d3026064163746976653606416374697665811770980001060350494416023537a80c",
    "updateServerState to RegistryObj, id 8, with the process id in the context",
);
pub const K8STARS_KEEP_ALIVE_REQUEST: Vector = k8stars(
    "0000005d10012c3c400b561a746172732e7461727372656769737472792e526567697374727966096b656570416c6976657d0000211a060831302e302e302e3516066163746976652603417070360653696d706c650b8103e8980ca80c",
    "keepAlive to tars.tarsregistry.Registry, id 11, timeout 1000 ms",
);

// Frames with a response or a push.
pub const PING_RESPONSE: Vector = go_server("0000001010012c30014c5c6d000c780c", "response to a ping with id 1: no results");
pub const LOOKUP_RESPONSE: Vector = go_codec(
    "0000004410012c30024c5c6d0000330900010a0621746172732d74617273636f6e6669672d302e746172732d74617273636f6e666967112711220000ea6030014c0b780c",
    "response with one endpoint, id 2",
);
pub const EMPTY_LOOKUP_RESPONSE: Vector =
    go_codec("0000001310012c300c4c5c6d000002090c780c", "response with an empty list, id 12");
pub const TWO_LISTS_RESPONSE: Vector = go_codec(
    "0000007810012c30034c5c6d0000670c2900010a0621746172732d74617273636f6e6669672d302e746172732d74617273636f6e666967112711220000ea6030014c0b3900010a0621746172732d74617273636f6e6669672d312e746172732d74617273636f6e666967112711220000ea6030014c0b780c",
    "response with 0, one active and one inactive endpoint, id 3",
);
pub const EMPTY_TWO_LISTS_RESPONSE: Vector =
    go_codec("0000001610012c30044c5c6d0000050c290c390c780c", "response with 0 and two empty lists, id 4");
pub const REGISTRY_LOOKUP_RESPONSE: Vector = go_codec(
    "0000003510012c30034c5c6d0000240c2900010a0611746172732d7461727372656769737472791145e221177030014c0b390c780c",
    "response with 0, the endpoint of the registry itself, and an empty list, id 3",
);
pub const STATE_RESPONSE: Vector =
    k8sframework("0000001010012c30084c5c6d000c780c", "response to updateServerState, id 8: no results");
pub const NO_FUNCTION_RESPONSE: Vector = go_codec("0000001110012c30054c50fd6d000c780c", "response with return code -3, id 5");
pub const NO_SERVANT_RESPONSE: Vector = go_codec("0000001110012c30094c50fc6d000c780c", "response with return code -4, id 9");
pub const QUEUE_TIMEOUT_RESPONSE: Vector = go_codec("0000001110012c30094c50fa6d000c780c", "response with return code -6, id 9");
pub const FAILURE_RESPONSE: Vector = go_codec(
    "0000002010012c30064c509d6d000c780c8604626f6f6d980001060161160162",
    "response with return code -99, the text 'boom' and a context, id 6",
);
pub const RECONNECT_PUSH: Vector =
    go_codec("0000001c10012c3c4c5c6d000c780c860b5f7265636f6e6e6563745f", "push that asks a client to reconnect");
pub const LIVE_LOOKUP_RESPONSE: Vector =
    go_server("0000002010012c30024c5c6d00000f0900010a0601681001200230014c0b780c", "response to findObjectById, id 2");
pub const LIVE_TWO_LISTS_RESPONSE: Vector = go_server(
    "0000002d10012c30034c5c6d00001c0c2900010a06093132372e302e302e31115dc1210bb830014c0b390c780c",
    "response to findObjectByIdInSameGroup with the id as only argument, id 3",
);
pub const LIVE_UNKNOWN_FUNCTION_RESPONSE: Vector = go_server(
    "0000002010012c30044c50016d000c780c860d66756e63206d69736d61746368",
    "response to an unknown function, id 4: return code 1, which TarsGo has for every untyped error",
);
pub const LIVE_TYPED_ERROR_RESPONSE: Vector =
    go_server("0000001910012c30044c50b36d000c780c8606637573746f6d", "response of a servant that fails with code -77, id 4");
pub const LIVE_MISSING_ARGUMENT_RESPONSE: Vector = go_server(
    "0000003710012c30054c50016d000c780c862463616e206e6f742066696e642054616720312e2042757420726571756972652e20454f46",
    "response to findObjectById without arguments, id 5",
);

// Input that no writer of this crate produces, but that is read.
pub const INT_1_AS_INT: Vector = go_codec("1200000001", "int 1 under tag 1 in a larger form than it needs");
pub const INT_0_AS_BYTE: Vector = go_codec("1000", "int 0 under tag 1 as BYTE");
pub const TAG_1_IN_TWO_BYTES: Vector = go_codec("f20100000005", "int 5 whose tag 1 has a byte of its own");
pub const LONG_MINUS_129: Vector = go_codec("11ff7f", "long -129 under tag 1 as SHORT: the sign is kept");
pub const STRING_ABC_AS_STRING4: Vector = go_codec("1700000003616263", "string 'abc' under tag 1 as STRING4");
pub const DOUBLE_1_5_AS_FLOAT: Vector = go_codec("143fc00000", "double 1.5 under tag 1 as FLOAT");
pub const DOUBLE_0_AS_ZERO_TAG: Vector = go_codec("1c", "double 0 under tag 1 as ZERO TAG");
pub const TAG_2_ONLY: Vector = go_codec("20ff", "a value under tag 2: tag 1 is absent");
pub const INT_BEHIND_OTHER_VALUES: Vector = go_codec(
    "0601610c19000206016206016328000106016b10013601634005",
    "int 5 under tag 4 behind a string, a zero, a list and a map",
);

// Input that is refused.
pub const LONG_FOR_INT: Vector = go_codec("1300000000000000ff", "LONG where an int is declared");
pub const ZERO_TAG_FOR_STRING: Vector = go_codec("1c", "ZERO TAG where a string is declared");
pub const DOUBLE_FOR_FLOAT: Vector = go_codec("153ff8000000000000", "DOUBLE where a float is declared");
pub const SHORT_FOR_BYTE: Vector = go_codec("110080", "SHORT where a byte is declared");
pub const TRUNCATED_INT: Vector = by_hand("1201", "INT with one byte of four; TarsGo reads garbage");
pub const TRUNCATED_STRING: Vector = by_hand("160561", "STRING1 of five bytes with one byte; TarsGo reads a shorter string");
pub const LENGTH_3: Vector =
    go_server("00000003", "frame that claims 3 bytes, less than its length field; TarsGo closes the connection");
pub const LENGTH_ABOVE_10_MIB: Vector =
    go_server("00a00001", "frame that claims 10 MiB and one byte; TarsGo closes the connection");
