//! The reasons of conditions and Events. They are API: people and scripts match them.

/// Declares the reasons, each with whether it deserves a Warning Event.
macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident $warns:literal,)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Reason {
            $($(#[$doc])* $name,)*
        }

        impl Reason {
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }

            /// Whether a person must act, so that an Event warns. Other reasons are passing states.
            pub const fn warns(self) -> bool {
                match self {
                    $(Self::$name => $warns,)*
                }
            }

            /// Whether a normal start passes through this state, so that it deserves a Warning only if it lasts: a local volume is
            /// made when a claim asks for it, and the scheduler looks again.
            pub const fn may_pass(self) -> bool {
                matches!(self, Self::ClaimUnbound | Self::Unschedulable)
            }
        }
    };
}

reasons! {
    /// The object does not follow the rules.
    InvalidSpec true,
    /// An object of another owner has the name of a derived object. The existing controller uses the same word.
    OutControl true,
    /// The API server refuses a derived object.
    Refused true,
    /// A write of a derived object failed.
    ApplyFailed false,
    /// Objects of an earlier TServer of this name, or of an earlier form of this one, are being deleted.
    Replacing false,
    /// Every derived object is as it should be.
    UpToDate false,
    /// A template, or one of its parents, does not exist.
    TemplateMissing true,
    /// Templates name each other as parents.
    TemplateCycle true,
    /// The name service renders no chain of that many parents.
    TemplateChainTooLong true,
    /// Template and parents exist.
    TemplateFound false,
    /// The server uses no template.
    NoTemplate false,
    /// Nothing was released.
    NotReleased false,
    /// No image of tarsnode is configured.
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
    /// Some node has the labels, but the scheduler finds no place.
    Unschedulable true,
    /// The scheduler has not looked yet.
    Scheduling false,
    /// Every pod has a node.
    PodsScheduled false,
    /// An image cannot be pulled.
    ImageNotPulled true,
    /// A container cannot be made, for example because a ConfigMap is missing.
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
    /// The registry has not reported the state of a process yet.
    NotReported false,
    /// A process is stopped, starting or stopping.
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
