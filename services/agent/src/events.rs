//! The Events that the agent sends about claims (docs/reference/local-volumes.md#5). Their reasons are API: people and scripts match them.

use kube::runtime::events::EventType;
use tars_kit::events::EventDeclaration;

/// Why the agent sends an Event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    Provisioned,
    ProvisioningFailed,
    Unusable,
}

impl Reason {
    const ALL: [Self; 3] = [Self::Provisioned, Self::ProvisioningFailed, Self::Unusable];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Provisioned => "Provisioned",
            Self::ProvisioningFailed => "ProvisioningFailed",
            Self::Unusable => "Unusable",
        }
    }

    pub const fn event_type(self) -> EventType {
        match self {
            Self::Provisioned => EventType::Normal,
            Self::ProvisioningFailed | Self::Unusable => EventType::Warning,
        }
    }

    const fn meaning(self) -> &'static str {
        match self {
            Self::Provisioned => "The agent made a volume for the claim.",
            Self::ProvisioningFailed => "A step towards the volume of the claim failed. The agent tries again.",
            Self::Unusable => "The claim asks for something that the agent cannot make, such as a mode that is not octal.",
        }
    }
}

/// The Events of this service.
pub fn declare_events() -> Vec<EventDeclaration> {
    let declare = |reason: Reason| EventDeclaration {
        object: "PersistentVolumeClaim",
        severity: match reason.event_type() {
            EventType::Normal => "Normal",
            EventType::Warning => "Warning",
        },
        reason: reason.as_str(),
        meaning: reason.meaning(),
    };
    Reason::ALL.map(declare).to_vec()
}
