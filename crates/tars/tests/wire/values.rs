//! Golden vectors of single values, lists, maps and structs: each is written and read.

use crate::{
    support::to_hex,
    vectors::{self as golden, Vector},
};
use bytes::{Bytes, BytesMut};
use std::{
    collections::{BTreeMap, HashMap},
    fmt::Debug,
};
use tars::{
    TarsStruct,
    codec::{Decode, Decoder, Encode, Encoder, Struct, from_bytes, to_bytes},
    framework::{
        config::ConfigInfo,
        endpoint::EndpointF,
        log::LogInfo,
        node::ServerInfo,
        notify::{NotifyLevel, ReportInfo},
        property::StatPropMsgHead,
        registry::{AdapterDescriptor, ServerDescriptor},
        stat::{StatMicMsgBody, StatMicMsgHead},
    },
    packet::{tup::UniAttribute, version},
};

/// `value` under `tag` is written as `vector`, and read from it.
#[track_caller]
fn both<T: Encode + Decode + PartialEq + Debug>(vector: &Vector, tag: u8, value: &T) {
    assert_eq!(to_hex(&to_bytes(tag, value)), to_hex(&vector.bytes()), "{vector} written");
    reads(vector, tag, value);
}

#[track_caller]
fn reads<T: Decode + PartialEq + Debug>(vector: &Vector, tag: u8, value: &T) {
    match from_bytes::<T>(tag, &vector.bytes()) {
        Ok(read) => assert_eq!(&read, value, "{vector} read"),
        Err(error) => panic!("{vector} read: {error}"),
    }
}

/// `arguments`, one after the other with ascending tags, are written as `vector`.
#[track_caller]
fn writes(vector: &Vector, arguments: &[(u8, &dyn ErasedEncode)]) {
    let written: String = arguments.iter().map(|(tag, value)| to_hex(&value.encoded(*tag))).collect();
    assert_eq!(written, to_hex(&vector.bytes()), "{vector} written");
}

trait ErasedEncode {
    fn encoded(&self, tag: u8) -> Bytes;
}

impl<T: Encode> ErasedEncode for T {
    fn encoded(&self, tag: u8) -> Bytes {
        to_bytes(tag, self)
    }
}

#[test]
fn integers() {
    both(&golden::TRUE, 0, &true);
    both(&golden::FALSE, 1, &false);
    both(&golden::BYTE_MINUS_1, 2, &-1_i8);
    both(&golden::BYTE_0, 3, &0_i8);
    both(&golden::BYTE_MINIMUM, 0, &-128_i8);
    both(&golden::SHORT_127, 0, &127_i16);
    both(&golden::SHORT_128, 0, &128_i16);
    both(&golden::SHORT_MINUS_129, 0, &-129_i16);
    both(&golden::INT_100, 5, &100_i32);
    both(&golden::INT_32767, 1, &32767_i32);
    both(&golden::INT_32768, 1, &32768_i32);
    both(&golden::INT_MINUS_32769, 1, &-32769_i32);
    both(&golden::INT_MINIMUM, 1, &i32::MIN);
    both(&golden::LONG_2147483647, 1, &2_147_483_647_i64);
    both(&golden::LONG_2147483648, 1, &2_147_483_648_i64);
    both(&golden::LONG_MINUS_2147483649, 1, &-2_147_483_649_i64);
    both(&golden::LONG_MINIMUM, 1, &i64::MIN);
    both(&golden::UNSIGNED_BYTE_200, 0, &200_u8);
    both(&golden::UNSIGNED_SHORT_65535, 0, &65535_u16);
    both(&golden::UNSIGNED_INT_4294967295, 0, &4_294_967_295_u32);
    both(&golden::TAG_14, 14, &7_i32);
    both(&golden::TAG_15, 15, &7_i32);
    both(&golden::TAG_16, 16, &0_i32);
    both(&golden::TAG_255, 255, &-1_i32);
}

#[test]
fn floats_and_strings() {
    both(&golden::FLOAT_1_5, 0, &1.5_f32);
    both(&golden::FLOAT_0, 0, &0.0_f32);
    both(&golden::DOUBLE_MINUS_0_25, 0, &-0.25_f64);
    both(&golden::DOUBLE_0, 0, &0.0_f64);
    both(&golden::EMPTY_STRING, 0, &String::new());
    both(&golden::STRING_TARS, 1, &"tars".to_owned());
    both(&golden::STRING_OF_ONE_CHINESE_CHARACTER, 1, &"\u{4e2d}".to_owned());
    both(&golden::STRING_OF_255_BYTES, 2, &"a".repeat(255));
    both(&golden::STRING_OF_256_BYTES, 2, &"a".repeat(256));
    both(&golden::TAG_200, 200, &"x".to_owned());
}

#[derive(Debug, Clone, PartialEq, TarsStruct)]
struct Nothing {}

#[test]
fn collections() {
    let headers = BTreeMap::from([("k".to_owned(), "v".to_owned())]);
    both(&golden::EMPTY_MAP, 0, &BTreeMap::<String, String>::new());
    both(&golden::MAP_OF_STRINGS, 9, &headers);
    both(&golden::MAP_OF_STRINGS, 9, &headers.into_iter().collect::<HashMap<_, _>>());
    both(&golden::MAP_OF_INTS, 3, &BTreeMap::from([(5_i32, 0_i32), (100, 300)]));
    both(&golden::EMPTY_LIST, 2, &Vec::<i32>::new());
    both(&golden::LIST_OF_INTS, 2, &vec![0_i32, 1, -1, 1000]);
    both(&golden::LIST_OF_STRINGS, 16, &vec!["a".to_owned(), String::new()]);
    both(&golden::EMPTY_BYTES, 7, &Bytes::new());
    both(&golden::BYTES, 7, &Bytes::from_static(&[1, 255, 0]));
    both(&golden::BYTES, 7, &vec![1_i8, -1, 0]);
    both(&golden::BYTES_200, 7, &Bytes::from(vec![0x5a; 200]));
    reads(&golden::BYTES_AS_LIST, 7, &Bytes::from_static(&[1, 255, 0]));
    reads(&golden::BYTES_AS_LIST, 7, &vec![1_i8, -1, 0]);
    both(&golden::UNSIGNED_BYTES, 7, &vec![1_u8, 200]);
    reads(&golden::UNSIGNED_BYTES_AS_SIMPLE_LIST, 7, &vec![1_u8, 200]);
    both(&golden::LIST_OF_LISTS, 0, &vec![vec![], vec![1_i32]]);
    both(&golden::STRUCT_WITHOUT_FIELDS, 1, &Nothing {});
}

fn endpoint(host: &str, port: i32, timeout: i32, istcp: i32) -> EndpointF {
    EndpointF { host: host.to_owned(), port, timeout, istcp, ..EndpointF::default() }
}

#[test]
fn endpoints() {
    let config = endpoint("tars-tarsconfig-0.tars-tarsconfig", 10001, 60000, 1);
    both(&golden::ENDPOINT, 0, &config);
    let vector = golden::ENDPOINT_FIELDS;
    let mut out = BytesMut::new();
    config.encode_fields(&mut Encoder::new(&mut out));
    assert_eq!(to_hex(&out), to_hex(&vector.bytes()), "{vector} written");
    let read = EndpointF::decode_fields(&mut Decoder::new(&vector.bytes()));
    assert_eq!(read, Ok(config), "{vector} read");

    let full = EndpointF {
        groupworkid: -1,
        grouprealid: -1,
        set_id: "mtt.s.1".to_owned(),
        qos: 1,
        bak_flag: 1,
        weight: 80,
        weight_type: 1,
        auth_type: 1,
        ..endpoint("10.0.0.1", 17890, 6000, 1)
    };
    both(&golden::ENDPOINT_WITH_ALL_FIELDS, 0, &full);
    both(&golden::ENDPOINT_OF_UDP, 0, &endpoint("test-hello-0.test-hello", 10000, 60000, 0));
    // When this vector was made, tag 14 was unknown. Today it is the name of the node.
    let known = EndpointF { weight: 50, node_name: "node-a".to_owned(), ..endpoint("h", 1, 2, 1) };
    reads(&golden::ENDPOINT_OF_A_LATER_VERSION, 0, &known);
}

#[test]
fn framework_structs() {
    let info = ServerInfo {
        application: "Test".to_owned(),
        server_name: "Hello".to_owned(),
        pid: 4321,
        adapter: "AdminAdapter".to_owned(),
    };
    both(&golden::HEARTBEAT_OF_AN_ADAPTER, 1, &info);
    both(&golden::HEARTBEAT_OF_A_SERVER, 1, &ServerInfo { adapter: String::new(), ..info });

    let head = StatMicMsgHead {
        master_name: "A.B".to_owned(),
        slave_name: "C.D".to_owned(),
        interface_name: "f".to_owned(),
        master_ip: "1.1.1.1".to_owned(),
        slave_ip: "2.2.2.2".to_owned(),
        slave_port: 80,
        tars_version: "1.4.5".to_owned(),
        ..StatMicMsgHead::default()
    };
    let body = StatMicMsgBody {
        count: 1,
        interval_count: BTreeMap::from([(5, 1)]),
        total_rsp_time: 3,
        max_rsp_time: 3,
        min_rsp_time: 3,
        ..StatMicMsgBody::default()
    };
    both(&golden::STAT_HEAD, 0, &head);
    both(&golden::STAT_BODY, 1, &body);
    let report = BTreeMap::from([(head, body)]);
    writes(&golden::STAT_REPORT, &[(1, &report), (2, &true)]);
    reads(&golden::STAT_REPORT, 1, &report);

    let property = StatPropMsgHead {
        module_name: "A.B".to_owned(),
        ip: "1.1.1.1".to_owned(),
        property_name: "q".to_owned(),
        version: 2,
        ..StatPropMsgHead::default()
    };
    both(&golden::PROPERTY_HEAD, 0, &property);
    both(&golden::PROPERTY_HEAD_WITH_DEFAULT_VERSION, 0, &StatPropMsgHead { version: 1, ..property });

    let report = ReportInfo {
        app: "App".to_owned(),
        server: "Simple".to_owned(),
        message: "hi".to_owned(),
        level: NotifyLevel::Error,
        ..ReportInfo::default()
    };
    both(&golden::NOTIFY_REPORT, 1, &report);

    let file = ConfigInfo {
        appname: "A".to_owned(),
        servername: "B".to_owned(),
        filename: "c.conf".to_owned(),
        ..ConfigInfo::default()
    };
    writes(&golden::CONFIG_FILE_ARGUMENTS, &[(1, &file), (2, &String::new())]);
    reads(&golden::CONFIG_FILE_ARGUMENTS, 1, &file);

    let log = LogInfo {
        appname: "A".to_owned(),
        servername: "B".to_owned(),
        filename: "f".to_owned(),
        format: "%Y%m%d".to_owned(),
        ..LogInfo::default()
    };
    both(&golden::LOG_INFO, 1, &log);
}

#[test]
fn registry_values() {
    let adapter = AdapterDescriptor {
        adapter_name: "Test.Hello.HelloObjAdapter".to_owned(),
        endpoint: "tcp -h ${localip} -p 10000 -t 60000".to_owned(),
        thread_num: 3,
        max_connections: 10000,
        servant: "Test.Hello.HelloObj".to_owned(),
        queuecap: 10000,
        queuetimeout: 60000,
        protocol: "tars".to_owned(),
        ..AdapterDescriptor::default()
    };
    both(&golden::ADAPTER_DESCRIPTOR, 1, &adapter);

    let descriptor = ServerDescriptor {
        profile: "<tars>\n</tars>\n".to_owned(),
        async_thread_num: 3,
        adapters: BTreeMap::from([(adapter.adapter_name.clone(), adapter)]),
    };
    writes(&golden::DESCRIPTOR_RESULTS, &[(0, &0_i32), (3, &descriptor)]);
    reads(&golden::DESCRIPTOR_RESULTS, 3, &descriptor);
    writes(&golden::DESCRIPTOR_RESULTS_OF_AN_UNKNOWN_SERVER, &[(0, &-1_i32), (3, &ServerDescriptor::default())]);
    reads(&golden::DESCRIPTOR_RESULTS_OF_AN_UNKNOWN_SERVER, 3, &ServerDescriptor::default());

    let text = str::to_owned;
    writes(&golden::DESCRIPTOR_ARGUMENTS, &[(1, &text("Test")), (2, &text("Hello"))]);
    writes(&golden::STATE_ARGUMENTS, &[(1, &text("test-hello-0")), (2, &text("Active")), (3, &text("Active"))]);
    for (tag, expected) in [(1, "test-hello-0"), (2, "Active"), (3, "Active")] {
        reads(&golden::STATE_ARGUMENTS, tag, &text(expected));
    }
}

/// Structs of K8STARS. Its older generator also writes defaults, and ours leaves them out: both are read alike.
mod k8stars {
    use super::*;

    #[derive(Debug, Clone, PartialEq, TarsStruct)]
    struct AdapterConf {
        #[tars(tag = 0, optional)]
        servant: String,
        #[tars(tag = 1, optional)]
        endpoint: String,
        #[tars(tag = 2, optional)]
        protocol: String,
        #[tars(tag = 3, optional)]
        max_conns: i32,
        #[tars(tag = 4, optional)]
        thread_num: i32,
        #[tars(tag = 5, optional)]
        queue_cap: i32,
        #[tars(tag = 6, optional)]
        queue_timeout: i32,
    }

    #[derive(Debug, Clone, PartialEq, TarsStruct)]
    struct Startup {
        #[tars(tag = 0, optional)]
        node: String,
        #[tars(tag = 1, optional)]
        app: String,
        #[tars(tag = 2, optional)]
        server: String,
        #[tars(tag = 3, optional)]
        set: String,
        #[tars(tag = 4, optional)]
        adapters: Vec<AdapterConf>,
        #[tars(tag = 5, optional)]
        enable_set: bool,
        #[tars(tag = 6, optional)]
        state: String,
        #[tars(tag = 7, optional)]
        version: String,
    }

    #[derive(Debug, Clone, PartialEq, TarsStruct)]
    struct Filter {
        #[tars(tag = 0, optional)]
        labels: BTreeMap<String, String>,
    }

    #[derive(Debug, Clone, PartialEq, TarsStruct)]
    struct Targets {
        #[tars(tag = 0, require)]
        targets: Vec<String>,
        #[tars(tag = 1, require)]
        labels: BTreeMap<String, String>,
    }

    #[derive(Debug, Clone, PartialEq, TarsStruct)]
    struct Plain {
        #[tars(tag = 0, optional)]
        node: String,
        #[tars(tag = 1, optional)]
        first: String,
        #[tars(tag = 2, optional)]
        second: String,
        #[tars(tag = 3, optional)]
        third: String,
    }

    #[derive(Debug, Clone, PartialEq, TarsStruct)]
    struct Metrics {
        #[tars(tag = 0, optional)]
        node: String,
        #[tars(tag = 1, optional)]
        app: String,
        #[tars(tag = 2, optional)]
        server: String,
        #[tars(tag = 3, optional)]
        port: i32,
    }

    #[test]
    fn what_an_older_writer_sends_is_read() {
        let text = str::to_owned;
        let startup = Startup {
            node: text("10.0.0.5"),
            app: text("App"),
            server: text("Simple"),
            adapters: vec![AdapterConf {
                servant: text("App.Simple.MainObj"),
                endpoint: text("tcp -h 10.0.0.5 -p 13000 -t 30000"),
                protocol: text("tars"),
                max_conns: 200_000,
                thread_num: 5,
                queue_cap: 10_000,
                queue_timeout: 60_000,
            }],
            state: text("activating"),
            version: text("v1"),
            ..Startup::default()
        };
        reads(&golden::K8STARS_STARTUP, 1, &startup);

        let node = |first: &str, second: &str, third: &str| Plain {
            node: text("10.0.0.5"),
            first: text(first),
            second: text(second),
            third: text(third),
        };
        both(&golden::K8STARS_KEEP_ALIVE, 1, &node("active", "App", "Simple"));
        both(&golden::K8STARS_PRESTOP, 1, &node("App", "Simple", ""));

        let metrics = Metrics { node: text("10.0.0.5"), app: text("App"), server: text("Simple"), port: 9325 };
        both(&golden::K8STARS_METRICS, 1, &metrics);
        reads(&golden::K8STARS_EMPTY_FILTER, 1, &Filter::default());
        let targets = Targets { targets: vec![text("10.0.0.5:9325")], labels: BTreeMap::from([(text("set"), String::new())]) };
        both(&golden::K8STARS_METRICS_TARGETS, 0, &targets);
    }
}

#[test]
fn attributes() {
    let id = "tars.tarsconfig.ConfigObj";
    let mut attributes = UniAttribute::default();
    let none = golden::EMPTY_ATTRIBUTES;
    assert_eq!(to_hex(&attributes.write(version::TUP)), to_hex(&none.bytes()), "{none} written");
    assert_eq!(UniAttribute::read(version::TUP, &none.bytes().into()), Ok(UniAttribute::default()), "{none} read");
    attributes.put("id", id);
    for (vector, version) in [(golden::ATTRIBUTES, version::TUP), (golden::ATTRIBUTES_WITH_TYPE_NAMES, version::TUP_LEGACY)] {
        assert_eq!(to_hex(&attributes.write(version)), to_hex(&vector.bytes()), "{vector} written");
        let read = UniAttribute::read(version, &vector.bytes().into());
        let read = read.unwrap_or_else(|error| panic!("{vector}: {error}"));
        assert_eq!(read.get("id"), Ok(Some(id.to_owned())), "{vector} read");
        assert_eq!(read.get::<String>("other"), Ok(None), "{vector} read");
    }
}
