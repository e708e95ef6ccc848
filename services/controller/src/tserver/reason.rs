//! The reasons of conditions and Events. They are API: people and scripts match them.

use tars_kit::events::Declaration;

/// What a reason says about its condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Weight {
    /// The condition does not hold, and a person must act.
    Warns,
    /// The condition does not hold, in a state that passes or that a person wanted.
    Passes,
    /// The condition holds.
    Holds,
}

/// Declares the reasons, each with its weight and its meaning.
macro_rules! reasons {
    ($($name:ident: $weight:ident, $meaning:literal;)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Reason {
            $(#[doc = $meaning] $name,)*
        }

        impl Reason {
            /// Every reason, in the order of the conditions.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }

            /// One sentence for the reference pages.
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$name => $meaning,)*
                }
            }

            const fn weight(self) -> Weight {
                match self {
                    $(Self::$name => Weight::$weight,)*
                }
            }
        }
    };
}

reasons! {
    InvalidSpec: Warns, "The object does not follow the rules.";
    OutControl: Warns, "An object of another owner has the name of a derived object. The existing controller uses the same word.";
    Refused: Warns, "The API server refuses a derived object.";
    ApplyFailed: Passes, "A write of a derived object failed.";
    Replacing: Passes, "Objects of an earlier TServer of this name, or of an earlier form of this one, are being deleted.";
    UpToDate: Holds, "Every derived object is as it should be.";
    TemplateMissing: Warns, "A template, or one of its parents, does not exist.";
    TemplateCycle: Warns, "Templates name each other as parents.";
    TemplateChainTooLong: Warns, "The name service renders no chain of that many parents.";
    TemplateFound: Holds, "Template and parents exist.";
    NoTemplate: Holds, "The server uses no template.";
    NotReleased: Passes, "Nothing was released.";
    NodeImageUnknown: Warns, "No image of tarsnode is configured.";
    ReleaseSet: Holds, "There is a release.";
    ScaledToZero: Passes, "No pods are wanted.";
    PodsMissing: Passes, "Fewer pods exist than are wanted.";
    NoNodeMatches: Warns, "No node has the labels that the server asks for.";
    ClaimUnbound: Warns, "A claim has no volume.";
    Unschedulable: Warns, "Some node has the labels, but the scheduler finds no place.";
    Scheduling: Passes, "The scheduler has not looked yet.";
    PodsScheduled: Holds, "Every pod has a node.";
    ImageNotPulled: Warns, "An image cannot be pulled.";
    ContainerNotCreated: Warns, "A container cannot be made, for example because a ConfigMap is missing.";
    Crashing: Warns, "A container ends again and again.";
    Starting: Passes, "Containers are being started.";
    ContainersRunning: Holds, "Every container runs.";
    NoPods: Passes, "There is no pod to look at.";
    NotScheduled: Passes, "A pod has no node, so nothing is known of its containers.";
    NotRunning: Passes, "The containers of a pod are not up, so nothing is known of its process.";
    NotReported: Passes, "The registry has not reported the state of a process yet.";
    ProcessInactive: Passes, "A process is stopped, starting or stopping.";
    ReadinessProbeFails: Passes, "The readiness probe of a container does not succeed.";
    PodNotReady: Passes, "A pod is not ready for another reason.";
    ProcessesActive: Holds, "Every process is active.";
    Ready: Holds, "Everything is as wanted.";
}

impl Reason {
    /// Whether a person must act, so that an Event warns. Other reasons are passing states.
    pub const fn warns(self) -> bool {
        matches!(self.weight(), Weight::Warns)
    }

    /// Whether a normal start passes through this state, so that it deserves a Warning only if it lasts: a local volume is made when a
    /// claim asks for it, and the scheduler looks again.
    pub const fn may_pass(self) -> bool {
        matches!(self, Self::ClaimUnbound | Self::Unschedulable)
    }

    /// How Events with this reason are sent, for the reference pages. `None` if there are none.
    pub const fn severity(self) -> Option<&'static str> {
        match self.weight() {
            Weight::Warns if self.may_pass() => Some("Warning, if it lasts"),
            Weight::Warns => Some("Warning"),
            Weight::Passes => Some("Normal, if the server was ready"),
            Weight::Holds if matches!(self, Self::Ready) => Some("Normal, if the server was not ready"),
            Weight::Holds => None,
        }
    }
}

/// The Events about TServers. Each repeats the reason and the message of the condition `Ready`.
pub fn declare_events() -> Vec<Declaration> {
    let declare = |reason: &Reason| {
        let severity = reason.severity()?;
        Some(Declaration { object: "TServer", severity, reason: reason.as_str(), meaning: reason.meaning() })
    };
    Reason::ALL.iter().filter_map(declare).collect()
}
