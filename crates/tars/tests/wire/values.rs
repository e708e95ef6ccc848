//! Golden vectors of single values, lists, maps and structs: each is written and read.

use crate::support::{hex, to_hex};
use bytes::Bytes;
use std::{
    collections::{BTreeMap, HashMap},
    fmt::Debug,
};
use tars::{
    TarsStruct,
    codec::{Decode, Encode, Struct, from_bytes, to_bytes},
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
    packet::tup::UniAttribute,
};

/// `value` under `tag` is written as `expected`, and read from it.
#[track_caller]
fn both<T: Encode + Decode + PartialEq + Debug>(id: &str, tag: u8, value: &T, expected: &str) {
    assert_eq!(to_hex(&to_bytes(tag, value)), expected, "{id} written");
    reads(id, tag, value, expected);
}

#[track_caller]
fn reads<T: Decode + PartialEq + Debug>(id: &str, tag: u8, value: &T, input: &str) {
    match from_bytes::<T>(tag, &hex(input)) {
        Ok(read) => assert_eq!(&read, value, "{id} read"),
        Err(error) => panic!("{id} read: {error}"),
    }
}

/// The arguments, written one after the other with ascending tags.
fn arguments(values: &[(u8, &dyn ErasedEncode)]) -> String {
    values.iter().map(|(tag, value)| to_hex(&value.encoded(*tag))).collect()
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
    both("G01", 0, &true, "0001");
    both("G02", 1, &false, "1c");
    both("G03", 2, &-1_i8, "20ff");
    both("G04", 3, &0_i8, "3c");
    both("G05", 0, &-128_i8, "0080");
    both("G06", 0, &127_i16, "007f");
    both("G07", 0, &128_i16, "010080");
    both("G08", 0, &-129_i16, "01ff7f");
    both("G09", 5, &100_i32, "5064");
    both("G10", 1, &32767_i32, "117fff");
    both("G11", 1, &32768_i32, "1200008000");
    both("G12", 1, &-32769_i32, "12ffff7fff");
    both("G13", 1, &i32::MIN, "1280000000");
    both("G14", 1, &2_147_483_647_i64, "127fffffff");
    both("G15", 1, &2_147_483_648_i64, "130000000080000000");
    both("G16", 1, &-2_147_483_649_i64, "13ffffffff7fffffff");
    both("G17", 1, &i64::MIN, "138000000000000000");
    both("G18", 0, &200_u8, "0100c8");
    both("G19", 0, &65535_u16, "020000ffff");
    both("G20", 0, &4_294_967_295_u32, "0300000000ffffffff");
    both("G30", 14, &7_i32, "e007");
    both("G31", 15, &7_i32, "f00f07");
    both("G32", 16, &0_i32, "fc10");
    both("G34", 255, &-1_i32, "f0ffff");
}

#[test]
fn floats_and_strings() {
    both("G21", 0, &1.5_f32, "043fc00000");
    both("G22", 0, &0.0_f32, "0400000000");
    both("G23", 0, &-0.25_f64, "05bfd0000000000000");
    both("G24", 0, &0.0_f64, "050000000000000000");
    both("G25", 0, &String::new(), "0600");
    both("G26", 1, &"tars".to_owned(), "160474617273");
    both("G27", 1, &"\u{4e2d}".to_owned(), "1603e4b8ad");
    both("G28", 2, &"a".repeat(255), &format!("26ff{}", "61".repeat(255)));
    both("G29", 2, &"a".repeat(256), &format!("2700000100{}", "61".repeat(256)));
    both("G33", 200, &"x".to_owned(), "f6c80178");
}

#[derive(Debug, Clone, PartialEq, TarsStruct)]
struct Nothing {}

#[test]
fn collections() {
    let headers = BTreeMap::from([("k".to_owned(), "v".to_owned())]);
    both("G40", 0, &BTreeMap::<String, String>::new(), "080c");
    both("G41", 9, &headers, "98000106016b160176");
    both("G41 unordered", 9, &headers.into_iter().collect::<HashMap<_, _>>(), "98000106016b160176");
    both("G42", 3, &BTreeMap::from([(5_i32, 0_i32), (100, 300)]), "38000200051c006411012c");
    both("G43", 2, &Vec::<i32>::new(), "290c");
    both("G44", 2, &vec![0_i32, 1, -1, 1000], "2900040c000100ff0103e8");
    both("G45", 16, &vec!["a".to_owned(), String::new()], "f91000020601610600");
    both("G46", 7, &Bytes::new(), "7d000c");
    both("G47", 7, &Bytes::from_static(&[1, 255, 0]), "7d00000301ff00");
    both("G47 signed", 7, &vec![1_i8, -1, 0], "7d00000301ff00");
    both("G48", 7, &Bytes::from(vec![0x5a; 200]), &format!("7d000100c8{}", "5a".repeat(200)));
    reads("G49", 7, &Bytes::from_static(&[1, 255, 0]), "790003000100ff0c");
    reads("G49 signed", 7, &vec![1_i8, -1, 0], "790003000100ff0c");
    both("unsigned bytes", 7, &vec![1_u8, 200], "79000200010100c8");
    reads("unsigned bytes as SIMPLE LIST", 7, &vec![1_u8, 200], "7d00000201c8");
    both("G50", 0, &vec![vec![], vec![1_i32]], "090002090c0900010001");
    both("G51", 1, &Nothing {}, "1a0b");
}

fn endpoint(host: &str, port: i32, timeout: i32, istcp: i32) -> EndpointF {
    EndpointF { host: host.to_owned(), port, timeout, istcp, ..EndpointF::default() }
}

#[test]
fn endpoints() {
    let config = endpoint("tars-tarsconfig-0.tars-tarsconfig", 10001, 60000, 1);
    let fields = "0621746172732d74617273636f6e6669672d302e746172732d74617273636f6e666967112711220000ea6030014c";
    both("G53", 0, &config, &format!("0a{fields}0b"));
    let mut out = bytes::BytesMut::new();
    config.encode_fields(&mut tars::codec::Encoder::new(&mut out));
    assert_eq!(to_hex(&out), fields, "G52 written");
    let read = EndpointF::decode_fields(&mut tars::codec::Decoder::new(&hex(fields)));
    assert_eq!(read, Ok(config), "G52 read");

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
    let hex = "0a060831302e302e302e311145e221177030014c50ff60ff76076d74742e732e3180019001b050c001d0010b";
    both("G54", 0, &full, hex);
    let udp = "0a0617746573742d68656c6c6f2d302e746573742d68656c6c6f112710220000ea603c4c0b";
    both("G55", 0, &endpoint("test-hello-0.test-hello", 10000, 60000, 0), udp);
    // Tag 14 was unknown when this vector was made; today it is the name of the node.
    let newer = "0a0601681001200230014ca900010a32000111700bb032e6066e6f64652d61f814000100011540000000000000000b";
    let known = EndpointF { weight: 50, node_name: "node-a".to_owned(), ..endpoint("h", 1, 2, 1) };
    reads("G56", 0, &known, newer);
}

#[test]
fn framework_structs() {
    let info = ServerInfo {
        application: "Test".to_owned(),
        server_name: "Hello".to_owned(),
        pid: 4321,
        adapter: "AdminAdapter".to_owned(),
    };
    both("G57", 1, &info, "1a060454657374160548656c6c6f2110e1360c41646d696e416461707465720b");
    both("G58", 1, &ServerInfo { adapter: String::new(), ..info }, "1a060454657374160548656c6c6f2110e10b");

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
    let g59 = "0a0603412e421603432e442601663607312e312e312e314607322e322e322e3250506ca605312e342e350b";
    let g60 = "1a00011c2c380001000510014003500360030b";
    both("G59", 0, &head, g59);
    both("G60", 1, &body, g60);
    let report = BTreeMap::from([(head, body)]);
    let g61 = format!("180001{g59}{g60}2001");
    assert_eq!(arguments(&[(1, &report), (2, &true)]), g61, "G61 written");
    reads("G61", 1, &report, &g61);

    let property = StatPropMsgHead {
        module_name: "A.B".to_owned(),
        ip: "1.1.1.1".to_owned(),
        property_name: "q".to_owned(),
        version: 2,
        ..StatPropMsgHead::default()
    };
    both("G62", 0, &property, "0a0603412e421607312e312e312e3126017170020b");
    both("G63", 0, &StatPropMsgHead { version: 1, ..property }, "0a0603412e421607312e312e312e312601710b");

    let report = ReportInfo {
        app: "App".to_owned(),
        server: "Simple".to_owned(),
        message: "hi".to_owned(),
        level: NotifyLevel::Error,
        ..ReportInfo::default()
    };
    both("G64", 1, &report, "1a1c260341707036004600560653696d706c656602686980020b");

    let file = ConfigInfo {
        appname: "A".to_owned(),
        servername: "B".to_owned(),
        filename: "c.conf".to_owned(),
        ..ConfigInfo::default()
    };
    let g65 = "1a0601411601422606632e636f6e663c0b2600";
    assert_eq!(arguments(&[(1, &file), (2, &String::new())]), g65, "G65 written");
    reads("G65", 1, &file, g65);

    let log = LogInfo {
        appname: "A".to_owned(),
        servername: "B".to_owned(),
        filename: "f".to_owned(),
        format: "%Y%m%d".to_owned(),
        ..LogInfo::default()
    };
    both("G66", 1, &log, "1a06014116014226016636062559256d25640b");
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
    let r03 = "1a061a546573742e48656c6c6f2e48656c6c6f4f626a416461707465721623746370202d6820247b6c6f63616c69707d202d70203130303030202d74203630303030200331271046005613546573742e48656c6c6f2e48656c6c6f4f626a612710720000ea608604746172730b";
    both("R03", 1, &adapter, r03);

    let descriptor = ServerDescriptor {
        profile: "<tars>\n</tars>\n".to_owned(),
        async_thread_num: 3,
        adapters: BTreeMap::from([(adapter.adapter_name.clone(), adapter)]),
    };
    let r04 = format!(
        "0c3a060f3c746172733e0a3c2f746172733e0a1003280001061a546573742e48656c6c6f2e48656c6c6f4f626a41646170746572{r03}0b"
    );
    assert_eq!(arguments(&[(0, &0_i32), (3, &descriptor)]), r04, "R04 written");
    reads("R04", 3, &descriptor, &r04);
    let r05 = "00ff3a0600280c0b";
    assert_eq!(arguments(&[(0, &-1_i32), (3, &ServerDescriptor::default())]), r05, "R05 written");
    reads("R05", 3, &ServerDescriptor::default(), r05);

    let text = str::to_owned;
    let r01 = "160454657374260548656c6c6f";
    assert_eq!(arguments(&[(1, &text("Test")), (2, &text("Hello"))]), r01, "R01 written");
    let r06 = "160c746573742d68656c6c6f2d3026064163746976653606416374697665";
    let state = arguments(&[(1, &text("test-hello-0")), (2, &text("Active")), (3, &text("Active"))]);
    assert_eq!(state, r06, "R06 written");
    for (tag, expected) in [(1, "test-hello-0"), (2, "Active"), (3, "Active")] {
        reads("R06", tag, &text(expected), r06);
    }
}

/// Structs of the lighter framework: an older generator writes defaults too, ours leaves them out, both are read alike.
mod lighter {
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
    fn older_writers() {
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
        let r20 = "1a060831302e302e302e351603417070260653696d706c6536004900010a06124170702e53696d706c652e4d61696e4f626a1621746370202d682031302e302e302e35202d70203133303030202d742033303030302604746172733200030d404005512710620000ea600b5c660a61637469766174696e67760276310b";
        reads("R20", 1, &startup, r20);

        let node = |first: &str, second: &str, third: &str| Plain {
            node: text("10.0.0.5"),
            first: text(first),
            second: text(second),
            third: text(third),
        };
        both("R21", 1, &node("active", "App", "Simple"), "1a060831302e302e302e3516066163746976652603417070360653696d706c650b");
        both("R23", 1, &node("App", "Simple", ""), "1a060831302e302e302e351603417070260653696d706c650b");

        let metrics = Metrics { node: text("10.0.0.5"), app: text("App"), server: text("Simple"), port: 9325 };
        both("R24", 1, &metrics, "1a060831302e302e302e351603417070260653696d706c6531246d0b");
        reads("R25", 1, &Filter::default(), "1a080c0b");
        let targets = Targets { targets: vec![text("10.0.0.5:9325")], labels: BTreeMap::from([(text("set"), String::new())]) };
        both("R26", 0, &targets, "0a090001060d31302e302e302e353a39333235180001060373657416000b");
    }
}

#[test]
fn attributes() {
    let id = "tars.tarsconfig.ConfigObj";
    let f30 = "080001060269641d00001b0619746172732e74617273636f6e6669672e436f6e6669674f626a";
    let f34 = "080001060269641800010606737472696e671d00001b0619746172732e74617273636f6e6669672e436f6e6669674f626a";
    let mut attributes = UniAttribute::default();
    assert_eq!(to_hex(&attributes.write(3)), "080c", "F32 written");
    attributes.put("id", id);
    assert_eq!(to_hex(&attributes.write(3)), f30, "F30 written");
    assert_eq!(to_hex(&attributes.write(2)), f34, "F34 written");
    for (name, version, input) in [("F30", 3, f30), ("F34", 2, f34)] {
        let read = UniAttribute::read(version, &hex(input).into());
        let read = read.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(read.get("id"), Ok(Some(id.to_owned())), "{name} read");
        assert_eq!(read.get::<String>("other"), Ok(None), "{name} read");
    }
    assert_eq!(UniAttribute::read(3, &hex("080c").into()), Ok(UniAttribute::default()), "F32 read");
}
