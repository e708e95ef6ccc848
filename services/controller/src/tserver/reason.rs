//! Why a server is as it is. These words are API: conditions and Events carry them, people and scripts match them.

/// Declares the reasons, each with whether it is worth a Warning Event.
macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident $warns:literal,)*) => {
        /// The reason of a condition.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Reason {
            $($(#[$doc])* $name,)*
        }

        impl Reason {
            /// Every reason.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The word in conditions and Events.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }

            /// Whether somebody must act, so that an Event says it, too. The others are passing states.
            pub const fn warns(self) -> bool {
                match self {
                    $(Self::$name => $warns,)*
                }
            }

            /// Whether a normal start passes through it, so that it is worth a Warning only when it lasts: a local volume is made
            /// when a claim asks for it, and the scheduler looks again.
            pub const fn may_pass(self) -> bool {
                matches!(self, Self::ClaimUnbound | Self::Unschedulable)
            }
        }
    };
}

reasons! {
    /// The object does not follow the rules.
    InvalidSpec true,
    /// An object of a derived name belongs to somebody else. The word is that of the existing controller.
    OutControl true,
    /// The API server refuses a derived object.
    Refused true,
    /// A derived object could not be written just now.
    ApplyFailed false,
    /// Objects of an earlier TServer of this name, or of an earlier form of this one, are on their way out.
    Replacing false,
    /// Every derived object is as it should be.
    UpToDate false,
    /// A template, or one of its parents, does not exist.
    TemplateMissing true,
    /// Templates name each other as parents.
    TemplateCycle true,
    /// Template and parents exist.
    TemplateFound false,
    /// The server uses no template.
    NoTemplate false,
    /// Nothing was released.
    NotReleased false,
    /// Nobody says which image tarsnode comes from.
    NodeImageUnknown true,
    /// There is a release.
    ReleaseSet false,
    /// No pods are wanted.
    ScaledToZero false,
    /// Fewer pods exist than are wanted.
    PodsMissing false,
    /// No node has the labels that the server asks for.
    NoNodeMatches true,
    /// A claim has no volume.
    ClaimUnbound true,
    /// Nodes have the labels, but the scheduler finds no place.
    Unschedulable true,
    /// The scheduler has not looked yet.
    Scheduling false,
    /// Every pod has a node.
    PodsScheduled false,
    /// An image cannot be pulled.
    ImageNotPulled true,
    /// A container cannot be made, for example for want of a ConfigMap.
    ContainerNotCreated true,
    /// A container ends again and again.
    Crashing true,
    /// Containers are being started.
    Starting false,
    /// Every container runs.
    ContainersRunning false,
    /// There is no pod to look at.
    NoPods false,
    /// A pod has no node, so nothing is known of its containers.
    NotScheduled false,
    /// The containers of a pod are not up, so nothing is known of its process.
    NotRunning false,
    /// Nobody has reported the state of a process yet.
    NotReported false,
    /// A process is stopped, or on its way up or down.
    ProcessInactive false,
    /// The readiness probe of a container does not succeed.
    ReadinessProbeFails false,
    /// A pod is not ready for another reason.
    PodNotReady false,
    /// Every process is active.
    ProcessesActive false,
    /// Everything is as wanted.
    Ready false,
}
