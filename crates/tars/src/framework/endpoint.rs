//! `EndpointF` and `ObjectItem`: the endpoints of a servant as the name service answers them, and their conversion from and to
//! [`Endpoint`].

use crate::{
    TarsStruct,
    endpoint::{Endpoint, EndpointError, Protocol},
};

/// An endpoint of a servant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, TarsStruct)]
pub struct EndpointF {
    /// Host name or IP address.
    #[tars(tag = 0, require)]
    pub host: String,
    /// Port, 0 to 65535.
    #[tars(tag = 1, require)]
    pub port: i32,
    /// Timeout in milliseconds.
    #[tars(tag = 2, require)]
    pub timeout: i32,
    /// Transport: 0 for UDP, 1 for TCP, 2 for SSL.
    #[tars(tag = 3, require)]
    pub istcp: i32,
    /// Grid of the server.
    #[tars(tag = 4, require)]
    pub grid: i32,
    /// IDC group that callers are matched with; -1 if groups are not used.
    #[tars(tag = 5, optional)]
    pub groupworkid: i32,
    /// IDC group that the host belongs to.
    #[tars(tag = 6, optional)]
    pub grouprealid: i32,
    /// Set of the server, `name.area.group`.
    #[tars(tag = 7, optional)]
    pub set_id: String,
    /// Quality of service of the connection.
    #[tars(tag = 8, optional)]
    pub qos: i32,
    /// 1 for the endpoint of a backup server, else 0.
    #[tars(tag = 9, optional)]
    pub bak_flag: i32,
    /// Weight, which counts if `weight_type` is 1.
    #[tars(tag = 11, optional)]
    pub weight: i32,
    /// 0 for plain rotation, 1 for static weights.
    #[tars(tag = 12, optional)]
    pub weight_type: i32,
    /// 0 for no authentication, 1 for an access key.
    #[tars(tag = 13, optional)]
    pub auth_type: i32,
    /// Name of the node that the server runs on. Only newer interface definitions have this field.
    #[tars(tag = 14, optional)]
    pub node_name: String,
}

impl From<&Endpoint> for EndpointF {
    fn from(endpoint: &Endpoint) -> Self {
        Self {
            host: endpoint.host.clone(),
            port: endpoint.port.into(),
            timeout: endpoint.timeout,
            istcp: match endpoint.protocol {
                Protocol::Udp => 0,
                Protocol::Tcp => 1,
                Protocol::Ssl => 2,
            },
            grid: endpoint.grid,
            set_id: endpoint.set.clone(),
            qos: endpoint.qos,
            weight: endpoint.weight,
            weight_type: endpoint.weight_type,
            auth_type: endpoint.auth_type,
            ..Self::default()
        }
    }
}

impl TryFrom<&EndpointF> for Endpoint {
    type Error = EndpointError;

    fn try_from(endpoint: &EndpointF) -> Result<Self, EndpointError> {
        let protocol = match endpoint.istcp {
            0 => Some(Protocol::Udp),
            1 => Some(Protocol::Tcp),
            2 => Some(Protocol::Ssl),
            _ => None,
        };
        let (Some(protocol), Ok(port)) = (protocol, u16::try_from(endpoint.port)) else {
            let (host, port, istcp) = (endpoint.host.clone(), endpoint.port, endpoint.istcp);
            return Err(EndpointError::Address { host, port, istcp });
        };
        Ok(Self {
            protocol,
            host: endpoint.host.clone(),
            port,
            timeout: endpoint.timeout,
            grid: endpoint.grid,
            qos: endpoint.qos,
            weight: endpoint.weight,
            weight_type: endpoint.weight_type,
            auth_type: endpoint.auth_type,
            bind: None,
            set: endpoint.set_id.clone(),
        })
    }
}

/// All endpoints of one object.
#[derive(Debug, Clone, PartialEq, Eq, TarsStruct)]
pub struct ObjectItem {
    /// Endpoints to call.
    #[tars(tag = 0, optional, name = "vActiveEndpoints")]
    pub active: Vec<EndpointF>,
    /// Endpoints that exist but must not be called now.
    #[tars(tag = 1, optional, name = "vInactiveEndpoints")]
    pub inactive: Vec<EndpointF>,
}
