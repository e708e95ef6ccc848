//! The reasons of conditions and Events. They are API: people and scripts match them.

use tars_kit::events::EventDeclaration;

/// How bad a reason is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Weight {
    /// The condition does not hold, and a person must act.
    Warns,
    /// The condition does not hold, in a state that passes or that a person wanted.
    Passes,
    /// The condition holds.
    Holds,
}

/// Declares the reasons, each with its weight, its meaning, and what an operator does about it.
macro_rules! reasons {
    ($($name:ident: $weight:ident, $meaning:literal, $remedy:literal;)*) => {
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

            /// One sentence for the reference pages: what the reason means for the operator.
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$name => $meaning,)*
                }
            }

            /// Advice for the operator; empty if there is nothing to do.
            pub const fn remedy(self) -> &'static str {
                match self {
                    $(Self::$name => $remedy,)*
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
    InvalidSpec: Warns,
        "A field of the TServer breaks a rule, so the controller changes no derived object until the field is corrected.",
        "Correct the fields that the message names.";
    // The controller of K8SFramework uses the same word.
    OutControl: Warns,
        "An object of another owner has the name of a derived object; the controller leaves it as it is, so one of the two needs another name.",
        "Delete or rename that object, or the TServer.";
    Refused: Warns,
        "The API server rejects a derived object as invalid or forbidden; the controller goes on trying, but somebody must remove the cause.",
        "Correct the field of the TServer that the refused field comes from, or the quota or policy.";
    ApplyFailed: Passes,
        "A write of a derived object failed for a reason that usually passes, such as a busy API server; the controller tries again.",
        "Wait.";
    Replacing: Passes,
        "An old object or the whole namespace is being deleted; the controller waits for the end of it, and nobody needs to act.",
        "Wait.";
    UpToDate: Holds,
        "Kubernetes has every derived object as the TServer asks for it, but the pods need not run yet.",
        "";
    TemplateMissing: Warns,
        "The template of the server or one of its parents does not exist, so the registry cannot render the configuration of the server.",
        "Create the template, or correct `spec.tars.template` or the `spec.parent` of the child.";
    TemplateCycle: Warns,
        "Templates name each other as parents in a circle, so the registry cannot render the configuration of the server.",
        "Give one of the templates its own name as `spec.parent`.";
    TemplateChainTooLong: Warns,
        "The template has more parents than the registry follows, so the registry cannot render the configuration of the server.",
        "Shorten the chain.";
    TemplateFound: Holds,
        "The registry finds the template and all its parents when it renders the configuration of the server.",
        "";
    NoTemplate: Holds,
        "The server has no `tars` block, so no template is needed.",
        "";
    NotReleased: Passes,
        "No release is set, so no pod of the server can run.",
        "Set `spec.release` and `spec.k8s.replicas` in one write.";
    NodeImageUnknown: Warns,
        "Neither the release nor the framework names an image of tarsnode, so no pod of this Tars server can start.",
        "Install the framework in this namespace, or set `spec.release.nodeImage`.";
    ReleaseSet: Holds,
        "The images of the pods are known.",
        "";
    ScaledToZero: Passes,
        "The server has a release and 0 replicas, so it does not run.",
        "Set `spec.k8s.replicas` above 0 if the server should run.";
    NameTooLong: Warns,
        "The name of the server is too long for the pods of a StatefulSet, so none can be created.",
        "Set `spec.k8s.daemonSet: true`, or create the server under a shorter name.";
    PodsMissing: Passes,
        "Kubernetes has not made all pods yet; if that lasts, something such as a quota prevents it.",
        "If it lasts: `kubectl describe statefulset` shows the cause, such as a quota or pod security.";
    NoNodeMatches: Warns,
        "No node has all labels that the server asks for, so pods wait until a node is labelled or the TServer is changed.",
        "`kubectl label node NODE tars.io/node.NAMESPACE=`, or the label that the message names.";
    ClaimUnbound: Warns,
        "A pod waits for the volume of one of its claims, which is normal only for a short time.",
        "Local volume: label as many nodes with `tars.io/SupportLocalVolume` as there are replicas. Other claim: check the storage class.";
    Unschedulable: Warns,
        "Nodes with the right labels exist, but the scheduler rejects all of them for a pod, for example for lack of CPU.",
        "Free CPU or memory, or add a node.";
    Scheduling: Passes,
        "The scheduler has not tried to place a pod yet; if that lasts, the scheduler may not run.",
        "Wait.";
    PodsScheduled: Holds,
        "The scheduler found a place for every pod.",
        "";
    ImageNotPulled: Warns,
        "A node cannot get an image, so the container waits until the image, its pull secret or the pull policy is corrected.",
        "Correct the image or its Secret. If the image is only loaded into nodes, set `imagePullPolicy: IfNotPresent`.";
    ContainerNotCreated: Warns,
        "The kubelet cannot create or start a container, for example because a ConfigMap is missing.",
        "Provide the ConfigMap or Secret that the message names, or correct `spec.k8s`.";
    Crashing: Warns,
        "A container ended and is started again after a pause that grows; its exit code, its last output and its log say why.",
        "Read `kubectl logs POD -c CONTAINER --previous`.";
    Starting: Passes,
        "Containers are being prepared, are starting, or have not passed their startup probe yet.",
        "If it lasts: `kubectl describe pod`.";
    ContainersRunning: Holds,
        "All containers have started and passed their startup probes.",
        "";
    NoPods: Passes,
        "No pod exists, apart from pods that are being deleted, so there are no containers and processes to judge.",
        "See the conditions above.";
    NotScheduled: Passes,
        "A pod is not on a node yet, so its containers cannot be judged; the condition `Scheduled` says why.",
        "See the condition `Scheduled`.";
    NotRunning: Passes,
        "Containers of a pod are not up, so its process cannot be judged; the condition `Running` says why.",
        "See the condition `Running`.";
    NotReported: Passes,
        "The registry has not reported the state of a process, so the pod gets no traffic; if that lasts, the pod cannot reach the registry.",
        "If it lasts: read the log of the pod, and check that `tars-tarsregistry` is Ready.";
    ProcessEnds: Warns,
        "A process ended by itself and is started again by tarsnode after a pause, so its pod gets no traffic until it works.",
        "Read `kubectl logs POD -c CONTAINER`, and the log that the server writes itself.";
    ProcessInactive: Passes,
        "A process is stopped, starting or stopping, so its pod gets no traffic.",
        "Read the log of the pod. If somebody stopped the process on purpose, start it.";
    ReadinessProbeFails: Passes,
        "A container runs but does not answer its readiness probe as wanted, so its pod gets no traffic.",
        "`kubectl describe pod` shows how the probe fails.";
    PodNotReady: Passes,
        "Containers and process of a pod are fine, but Kubernetes does not call the pod ready, for example because of another readiness gate.",
        "See the message.";
    ProcessesActive: Holds,
        "All pods get traffic.",
        "";
    ProgressDeadlineExceeded: Warns,
        "A change has not reached all pods, and there was no progress for `spec.k8s.progressDeadlineSeconds`.",
        "Remove the cause that the condition `Ready` names, or go back to the former release.";
    RollingOut: Holds,
        "A change is on its way to the pods, and the last progress is not older than the deadline.",
        "";
    Complete: Holds,
        "The last change has reached all pods, and they became ready. What happens to them later is told by the other conditions.",
        "";
    Ready: Holds,
        "All wanted pods run the server and get traffic.",
        "";
}

impl Reason {
    /// Reads a reason from a condition; `None` if it is not one of ours.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| reason.as_str() == text)
    }

    /// Whether only the writes of the leader tell it, and no object that is watched.
    pub const fn tells_of_writes(self) -> bool {
        matches!(self, Self::OutControl | Self::Refused | Self::ApplyFailed | Self::Replacing)
    }

    /// Whether a person must act, so that the Event is a Warning.
    pub const fn warns(self) -> bool {
        matches!(self.weight(), Weight::Warns)
    }

    /// Whether a normal start passes through this state, so that it deserves a Warning only if it lasts. For example, a pod is
    /// unschedulable until the agent has made its local volume.
    pub const fn may_pass(self) -> bool {
        matches!(self, Self::ClaimUnbound | Self::Unschedulable)
    }

    /// The type of the Events with this reason, and when they are sent, for the reference pages. `None` if no Event has this reason.
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

/// The Events about TServers. Each repeats the reason and the message of the condition `Ready` or `Progressing`.
pub fn declare_events() -> Vec<EventDeclaration> {
    let declare = |reason: &Reason| {
        let severity = reason.severity()?;
        Some(EventDeclaration { object: "TServer", severity, reason: reason.as_str(), meaning: reason.meaning() })
    };
    Reason::ALL.iter().filter_map(declare).collect()
}
