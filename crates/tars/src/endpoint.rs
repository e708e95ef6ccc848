//! Endpoint strings and proxy strings.
//!
//! ```text
//! App.Server.Object@tcp -h 10.0.0.1 -p 10000 -t 60000:udp -h 10.0.0.2 -p 10000
//! └──── object ───┘ └────────── endpoint ───────────┘ └────── endpoint ──────┘
//! ```

use std::{fmt, str::FromStr};

/// How packets travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    /// A stream of frames.
    Tcp,
    /// One frame per datagram.
    Udp,
    /// TLS over TCP. Known to the grammar; neither server nor client of this crate speaks it.
    Ssl,
}

impl Protocol {
    /// The keyword of the grammar.
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

/// The weight of an endpoint that does not name one.
const DEFAULT_WEIGHT: i32 = -1;
/// The highest weight.
const MAX_WEIGHT: i32 = 100;
/// The timeout in milliseconds of an endpoint that does not name one.
const DEFAULT_TIMEOUT: i32 = 3000;

/// One address of a servant.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Endpoint {
    /// Transport.
    pub protocol: Protocol,
    /// Host name or address; `*` becomes `0.0.0.0`.
    pub host: String,
    /// Port, 0 for any free one where that makes sense.
    pub port: u16,
    /// Milliseconds, 3000 by default.
    pub timeout: i32,
    /// Grid.
    pub grid: i32,
    /// Quality of service.
    pub qos: i32,
    /// Weight, -1 when not said; at most 100 with static weights.
    pub weight: i32,
    /// 0 round robin, 1 static weight.
    pub weight_type: i32,
    /// 0 none, 1 AK/SK.
    pub auth_type: i32,
    /// Address to bind, for servers behind another address.
    pub bind: Option<String>,
    /// Set division.
    pub set: String,
}

impl Endpoint {
    /// An endpoint with defaults for everything else.
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

    /// A TCP endpoint with defaults for everything else.
    pub fn tcp(host: impl Into<String>, port: u16) -> Self {
        Self::new(Protocol::Tcp, host, port)
    }

    /// A UDP endpoint with defaults for everything else.
    pub fn udp(host: impl Into<String>, port: u16) -> Self {
        Self::new(Protocol::Udp, host, port)
    }
}

/// What is wrong with an endpoint or proxy string.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// The string does not start with a known transport.
    #[error("endpoint `{0}` starts with none of `tcp`, `udp` and `ssl`")]
    Protocol(String),
    /// There is no `-h`.
    #[error("endpoint `{0}` names no host; add `-h HOST`")]
    NoHost(String),
    /// An option has no value.
    #[error("endpoint `{endpoint}`: option `{option}` needs a value")]
    NoValue {
        /// The endpoint string.
        endpoint: String,
        /// The option.
        option: String,
    },
    /// An option's value is not a number in its range.
    #[error("endpoint `{endpoint}`: `{value}` is no value for option `{option}`; use a number from {least} to {most}")]
    Number {
        /// The endpoint string.
        endpoint: String,
        /// The option.
        option: String,
        /// The value.
        value: String,
        /// Lowest value of the option.
        least: i32,
        /// Highest value of the option.
        most: i32,
    },
    /// A proxy string has no object name.
    #[error("proxy `{0}` has no object name in front of `@`")]
    NoObject(String),
    /// A proxy string has an `@` and nothing behind it.
    #[error("proxy `{0}` has no endpoint behind `@`")]
    NoEndpoint(String),
    /// An address from the name service has a port or transport that does not exist.
    #[error("address {host}:{port} with transport {istcp} does not exist; ports go from 0 to 65535, transports from 0 to 2")]
    Address {
        /// Host as received.
        host: String,
        /// Port as received.
        port: i32,
        /// Transport as received.
        istcp: i32,
    },
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    /// Options that do not exist are ignored, with the value behind them.
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
            // In range of u16 after the check.
            "-p" => self.port = u16::try_from(number(0, u16::MAX.into())?).unwrap_or_default(),
            "-t" => self.timeout = number(0, i32::MAX)?,
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
    /// Protocol, host, port and timeout; other options when they differ from their defaults.
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

/// What a client is told to call: an object, and its endpoints unless the name service is to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyString {
    /// Object name, `App.Server.Object`.
    pub object: String,
    /// Fixed endpoints; empty when the name service knows them.
    pub endpoints: Vec<Endpoint>,
}

impl FromStr for ProxyString {
    type Err = EndpointError;

    /// A `scheme://` in front of the name and a `#suffix` behind it are dropped.
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

/// Splits at each `:` that a transport follows, so that addresses may contain colons.
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
            ("", "endpoint `` starts with none of `tcp`, `udp` and `ssl`"),
            ("http -h a", "endpoint `http -h a` starts with none of `tcp`, `udp` and `ssl`"),
            ("tcp -p 1", "endpoint `tcp -p 1` names no host; add `-h HOST`"),
            ("tcp -h", "endpoint `tcp -h`: option `-h` needs a value"),
            (
                "tcp -h a -p 65536",
                "endpoint `tcp -h a -p 65536`: `65536` is no value for option `-p`; use a number from 0 to 65535",
            ),
            ("tcp -h a -p x", "endpoint `tcp -h a -p x`: `x` is no value for option `-p`; use a number from 0 to 65535"),
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
