//! Endpoint strings and proxy strings (`docs/reference/wire.md#11.1`, `docs/reference/wire.md#11.2`).
//!
//! ```text
//! App.Server.Object@tcp -h 10.0.0.1 -p 10000 -t 60000:udp -h 10.0.0.2 -p 10000
//! └──── object ───┘ └────────── endpoint ───────────┘ └────── endpoint ──────┘
//! ```

use std::{fmt, str::FromStr};

/// The transport of packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    /// A stream of frames.
    Tcp,
    /// One frame per datagram.
    Udp,
    /// TLS over TCP. It can be read and printed, but no server or client of this crate speaks it.
    Ssl,
}

impl Protocol {
    /// The word that an endpoint string begins with.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Ssl => "ssl",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The weight of an endpoint without the option `-w`.
const DEFAULT_WEIGHT: i32 = -1;
/// The highest static weight.
const MAX_WEIGHT: i32 = 100;
/// The timeout in milliseconds of an endpoint without the option `-t`.
const DEFAULT_TIMEOUT: i32 = 3000;

/// One address of a servant.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Endpoint {
    /// How packets travel to it.
    pub protocol: Protocol,
    /// Host name or IP address. Reading turns `*` into `0.0.0.0`.
    pub host: String,
    /// Port. A server that listens on port 0 gets any free port.
    pub port: u16,
    /// Timeout in milliseconds, 3000 by default; -1 stands for none.
    pub timeout: i32,
    /// Grid of the server, 0 by default. It is only passed on.
    pub grid: i32,
    /// Quality of service, 0 by default. It is only passed on.
    pub qos: i32,
    /// Weight, -1 by default. With static weights it is a number from 0 to 100.
    pub weight: i32,
    /// 0 for plain rotation, 1 for static weights.
    pub weight_type: i32,
    /// 0 for no authentication, 1 for an access key.
    pub auth_type: i32,
    /// Address that a server listens on in place of `host`, for a server behind another address.
    pub bind: Option<String>,
    /// Set division, `name.area.group`; empty if there is none.
    pub set: String,
}

impl Endpoint {
    /// An endpoint whose options have their defaults.
    pub fn new(protocol: Protocol, host: impl Into<String>, port: u16) -> Self {
        Self {
            protocol,
            host: host.into(),
            port,
            timeout: DEFAULT_TIMEOUT,
            grid: 0,
            qos: 0,
            weight: DEFAULT_WEIGHT,
            weight_type: 0,
            auth_type: 0,
            bind: None,
            set: String::new(),
        }
    }

    /// A TCP endpoint whose options have their defaults.
    pub fn tcp(host: impl Into<String>, port: u16) -> Self {
        Self::new(Protocol::Tcp, host, port)
    }

    /// A UDP endpoint whose options have their defaults.
    pub fn udp(host: impl Into<String>, port: u16) -> Self {
        Self::new(Protocol::Udp, host, port)
    }
}

/// Why an endpoint string or a proxy string is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// The string does not start with a known transport.
    #[error("endpoint `{0}` does not start with `tcp`, `udp` or `ssl`")]
    Protocol(String),
    /// There is no option `-h`.
    #[error("endpoint `{0}` names no host; add `-h HOST`")]
    NoHost(String),
    /// An option has no value.
    #[error("endpoint `{endpoint}`: option `{option}` needs a value")]
    NoValue {
        /// The endpoint string.
        endpoint: String,
        /// The option, such as `-p`.
        option: String,
    },
    /// The value of an option is not a number in the range of this option.
    #[error("endpoint `{endpoint}`: `{value}` is not a value of option `{option}`; use a number from {least} to {most}")]
    Number {
        /// The endpoint string.
        endpoint: String,
        /// The option, such as `-p`.
        option: String,
        /// The value as it was written.
        value: String,
        /// The lowest value that the option may have.
        least: i32,
        /// The highest value that the option may have.
        most: i32,
    },
    /// A proxy string has no object name.
    #[error("proxy `{0}` has no object name in front of `@`")]
    NoObject(String),
    /// A proxy string has an `@` and nothing behind it.
    #[error("proxy `{0}` has no endpoint behind `@`")]
    NoEndpoint(String),
    /// The name service gave an address with an invalid port or an unknown transport.
    #[error("address {host}:{port} with transport {istcp} does not exist; ports go from 0 to 65535, transports from 0 to 2")]
    Address {
        /// The host as it arrived.
        host: String,
        /// The port as it arrived.
        port: i32,
        /// The number of the transport as it arrived.
        istcp: i32,
    },
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    /// An option that does not exist is ignored, and so is its value.
    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let mut words = text.split_whitespace().peekable();
        let protocol = match words.next() {
            Some("tcp") => Protocol::Tcp,
            Some("udp") => Protocol::Udp,
            Some("ssl") => Protocol::Ssl,
            _ => return Err(EndpointError::Protocol(text.to_owned())),
        };
        let mut endpoint = Self::new(protocol, "", 0);
        while let Some(option) = words.next() {
            if !matches!(option, "-h" | "-p" | "-t" | "-g" | "-q" | "-w" | "-v" | "-e" | "-b" | "-s") {
                words.next_if(|word| !word.starts_with('-'));
                continue;
            }
            let value =
                words.next().ok_or_else(|| EndpointError::NoValue { endpoint: text.to_owned(), option: option.to_owned() })?;
            endpoint.set_option(text, option, value)?;
        }
        if endpoint.host.is_empty() {
            return Err(EndpointError::NoHost(text.to_owned()));
        }
        if endpoint.weight_type != 0 && !(0..=MAX_WEIGHT).contains(&endpoint.weight) {
            endpoint.weight = MAX_WEIGHT;
        }
        Ok(endpoint)
    }
}

impl Endpoint {
    fn set_option(&mut self, text: &str, option: &str, value: &str) -> Result<(), EndpointError> {
        let number = |least: i32, most: i32| match value.parse::<i32>() {
            Ok(number) if (least..=most).contains(&number) => Ok(number),
            _ => Err(EndpointError::Number {
                endpoint: text.to_owned(),
                option: option.to_owned(),
                value: value.to_owned(),
                least,
                most,
            }),
        };
        match option {
            "-h" => value.clone_into(&mut self.host),
            // `number` has checked the range, so the conversion cannot fail.
            "-p" => self.port = u16::try_from(number(0, u16::MAX.into())?).unwrap_or_default(),
            // A TServer may say -1 (docs/reference/wire.md#11.2.1).
            "-t" => self.timeout = number(-1, i32::MAX)?,
            "-g" => self.grid = number(i32::MIN, i32::MAX)?,
            "-q" => self.qos = number(i32::MIN, i32::MAX)?,
            "-w" => self.weight = number(-1, i32::MAX)?,
            "-v" => self.weight_type = number(0, 1)?,
            "-e" => self.auth_type = number(0, 1)?,
            "-b" => self.bind = Some(value.to_owned()),
            _ => value.clone_into(&mut self.set),
        }
        if self.host == "*" {
            "0.0.0.0".clone_into(&mut self.host);
        }
        Ok(())
    }
}

impl fmt::Display for Endpoint {
    /// Prints protocol, host, port and timeout, and each other option that differs from its default.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -h {} -p {} -t {}", self.protocol, self.host, self.port, self.timeout)?;
        let weight = (self.weight != DEFAULT_WEIGHT).then_some(self.weight);
        for (option, value) in [
            ("-g", Some(self.grid).filter(|grid| *grid != 0)),
            ("-q", Some(self.qos).filter(|qos| *qos != 0)),
            ("-w", weight),
            ("-v", Some(self.weight_type).filter(|kind| *kind != 0)),
            ("-e", Some(self.auth_type).filter(|kind| *kind != 0)),
        ] {
            if let Some(value) = value {
                write!(f, " {option} {value}")?;
            }
        }
        if let Some(bind) = &self.bind {
            write!(f, " -b {bind}")?;
        }
        if self.set.is_empty() { Ok(()) } else { write!(f, " -s {}", self.set) }
    }
}

/// Names the object that a client calls. It also has the endpoints, unless the client asks the name service for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyString {
    /// Object name, such as `App.Server.Object`.
    pub object: String,
    /// The fixed endpoints; empty if the name service knows them.
    pub endpoints: Vec<Endpoint>,
}

impl FromStr for ProxyString {
    type Err = EndpointError;

    /// A `scheme://` before the name and a `#suffix` after it are dropped.
    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let (object, endpoints) = match text.split_once('@') {
            Some((object, endpoints)) => (object, Some(endpoints)),
            None => (text, None),
        };
        let object = object.split_once("://").map_or(object, |(_, object)| object);
        let object = object.split_once('#').map_or(object, |(object, _)| object).trim();
        if object.is_empty() {
            return Err(EndpointError::NoObject(text.to_owned()));
        }
        let parsed =
            endpoints.map(split_endpoints).unwrap_or_default().into_iter().map(str::parse).collect::<Result<Vec<_>, _>>()?;
        if endpoints.is_some() && parsed.is_empty() {
            return Err(EndpointError::NoEndpoint(text.to_owned()));
        }
        Ok(Self { object: object.to_owned(), endpoints: parsed })
    }
}

/// Splits at each `:` that a transport follows. Other colons belong to an address.
fn split_endpoints(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    for (index, _) in text.match_indices(':') {
        let next = text[index + 1..].split_whitespace().next();
        if matches!(next, Some("tcp" | "udp" | "ssl")) {
            parts.push(&text[start..index]);
            start = index + 1;
        }
    }
    parts.push(&text[start..]);
    parts.retain(|part| !part.trim().is_empty());
    parts
}

impl fmt::Display for ProxyString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.object)?;
        for (index, endpoint) in self.endpoints.iter().enumerate() {
            write!(f, "{}{endpoint}", if index == 0 { '@' } else { ':' })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_string_is_read_and_printed() {
        for (text, printed) in [
            ("tcp -h 10.0.0.1 -p 17890", "tcp -h 10.0.0.1 -p 17890 -t 3000"),
            ("udp -t 60000 -p 1 -h *", "udp -h 0.0.0.0 -p 1 -t 60000"),
            ("ssl  -h a.b\t-p 443 -t 1", "ssl -h a.b -p 443 -t 1"),
            ("tcp -h a -p 1 -t -1", "tcp -h a -p 1 -t -1"),
            ("tcp -h a -p 1 -w -1 -v 1", "tcp -h a -p 1 -t 3000 -w 100 -v 1"),
            ("tcp -h a -p 1 -w 500 -v 1 -e 1", "tcp -h a -p 1 -t 3000 -w 100 -v 1 -e 1"),
            ("tcp -h a -p 1 -w 500", "tcp -h a -p 1 -t 3000 -w 500"),
            ("tcp -h a -x y -p 1 -z -t 5 -g 2 -q 3", "tcp -h a -p 1 -t 5 -g 2 -q 3"),
            ("tcp -h a -p 1 -b 0.0.0.0 -s mtt.s.1", "tcp -h a -p 1 -t 3000 -b 0.0.0.0 -s mtt.s.1"),
        ] {
            let endpoint: Endpoint = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(endpoint.to_string(), printed, "{text}");
            assert_eq!(printed.parse::<Endpoint>().as_ref(), Ok(&endpoint), "{printed}");
        }
    }

    #[test]
    fn a_wrong_endpoint_string_is_refused_with_the_reason() {
        for (text, reason) in [
            ("", "endpoint `` does not start with `tcp`, `udp` or `ssl`"),
            ("http -h a", "endpoint `http -h a` does not start with `tcp`, `udp` or `ssl`"),
            ("tcp -p 1", "endpoint `tcp -p 1` names no host; add `-h HOST`"),
            ("tcp -h", "endpoint `tcp -h`: option `-h` needs a value"),
            (
                "tcp -h a -p 65536",
                "endpoint `tcp -h a -p 65536`: `65536` is not a value of option `-p`; use a number from 0 to 65535",
            ),
            ("tcp -h a -p x", "endpoint `tcp -h a -p x`: `x` is not a value of option `-p`; use a number from 0 to 65535"),
        ] {
            assert_eq!(text.parse::<Endpoint>().map_err(|error| error.to_string()), Err(reason.to_owned()), "{text}");
        }
    }

    #[test]
    fn a_proxy_string_is_read_and_printed() {
        for (text, printed) in [
            ("tars.tarsregistry.QueryObj", "tars.tarsregistry.QueryObj"),
            ("tars://A.B.C#x", "A.B.C"),
            ("A.B.C@tcp -h a -p 1:udp -h b -p 2", "A.B.C@tcp -h a -p 1 -t 3000:udp -h b -p 2 -t 3000"),
            ("A.B.C@tcp -h ::1 -p 1:tcp -h fe80::2 -p 2", "A.B.C@tcp -h ::1 -p 1 -t 3000:tcp -h fe80::2 -p 2 -t 3000"),
        ] {
            let proxy = text.parse::<ProxyString>().map(|proxy| proxy.to_string());
            assert_eq!(proxy.as_deref(), Ok(printed), "{text}");
        }
        assert_eq!("@tcp -h a -p 1".parse::<ProxyString>(), Err(EndpointError::NoObject("@tcp -h a -p 1".into())));
        assert_eq!("A.B.C@".parse::<ProxyString>(), Err(EndpointError::NoEndpoint("A.B.C@".into())));
    }
}
