//! Renders the configuration file of the server from the descriptor of the registry and the facts about the pod
//! (docs/reference/tarsnode.md#3.5).

use crate::{identity::Setup, state::Watch};
use std::time::Duration;
use tars::{
    config::{Config, ParseError, PathError, PrintError},
    framework::registry::ServerDescriptor,
};

/// Adapter of the server's admin object. It sends heartbeats like the others.
const ADMIN_ADAPTER: &str = "AdminAdapter";
/// Seconds that an adapter may be silent if the template does not say.
const HEART_TIMEOUT: u64 = 60;

/// Hosts and endpoints that the configuration contains and that depend on the pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Host that the server's adapters bind.
    pub bind_host: String,
    /// Endpoint of the server's admin object.
    pub local: String,
    /// Proxy string of the object that takes the server's heartbeats.
    pub node: String,
    /// Proxy string of the name service.
    pub locator: String,
}

/// A rendered configuration, and the facts that tarsnode needs of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// Text of the file.
    pub text: String,
    pub watch: Watch,
    /// Arguments of the program. The first one is the name of the process.
    pub argv: String,
    /// Endpoint of the server's admin object.
    pub admin: String,
}

/// Why there is no configuration. tarsnode sends the messages to operators as alarms.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// The profile has a syntax error.
    #[error("[alarm] parser profile catch exception: {0}; fix the profile of the TServer or its template")]
    Profile(#[from] ParseError),
    /// The profile has a name or a value that the grammar cannot express.
    #[error("[alarm] parser profile catch exception: {0}; fix the profile of the TServer or its template")]
    Print(#[from] PrintError),
    /// An adapter has a name that the grammar cannot express.
    #[error("[alarm] parser profile catch exception: adapter {0:?}: {1}; fix the servants of the TServer")]
    Adapter(String, PathError),
}

/// Renders the configuration of the server that `setup` names.
pub fn render(setup: &Setup, place: &Place, descriptor: &ServerDescriptor) -> Result<Rendered, RenderError> {
    let mut config = generate(setup, place, descriptor)?;
    let profile = Config::parse(&fill_placeholders(setup, place, descriptor))?;
    config.join(&profile, true)?;
    // The parser trims blanks at the ends of a value, so templates write `\s` for them. The printed text still has these two
    // characters.
    let text = config.print()?.replace("\\s", " ");
    Ok(Rendered {
        watch: derive_watch(&config, descriptor),
        argv: build_arguments(setup, &config),
        admin: find_admin_endpoint(place, &config),
        text,
    })
}

/// Reads from a rendered configuration how to watch the server. The daemon of foreground mode needs nothing else of it.
pub fn read_watch(text: &str) -> Option<Watch> {
    let config = Config::parse(text).ok()?;
    Some(derive_watch(&config, &ServerDescriptor::default()))
}

/// Generates the part of the configuration that the profile is joined over.
fn generate(setup: &Setup, place: &Place, descriptor: &ServerDescriptor) -> Result<Config, RenderError> {
    let mut config = Config::default();
    let mut set = |domain: &str, key: &str, value: &str| {
        let path = format!("/tars/application/server{domain}<{key}>");
        config.set(&path, value).map_err(|problem| RenderError::Adapter(domain.trim_start_matches('/').to_owned(), problem))
    };
    set("", "node", &place.node)?;
    for (name, adapter) in &descriptor.adapters {
        let domain = format!("/{name}");
        set(&domain, "allow", &adapter.allow_ip)?;
        set(&domain, "endpoint", &adapter.endpoint.replace("${localip}", &place.bind_host))?;
        set(&domain, "maxconns", &adapter.max_connections.to_string())?;
        set(&domain, "protocol", &adapter.protocol)?;
        set(&domain, "queuecap", &adapter.queuecap.to_string())?;
        set(&domain, "queuetimeout", &adapter.queuetimeout.to_string())?;
        set(&domain, "servant", &adapter.servant)?;
        set(&domain, "threads", &adapter.thread_num.to_string())?;
    }
    tracing::debug!(server = %setup.module(), adapters = descriptor.adapters.len(), "generated the adapters");
    Ok(config)
}

/// Replaces the placeholders in the text of the profile.
fn fill_placeholders(setup: &Setup, place: &Place, descriptor: &ServerDescriptor) -> String {
    let directory = |path: &std::path::Path| format!("{}/", path.display());
    let (app, server) = (&setup.app, &setup.server);
    let main_class = format!("com.qq.{}.{}.{server}", app.to_lowercase(), server.to_lowercase());
    [
        ("${modulename}", setup.module()),
        ("${app}", app.clone()),
        ("${server}", server.clone()),
        ("${basepath}", directory(&setup.bin_dir)),
        ("${datapath}", directory(&setup.data_dir)),
        ("${logpath}", directory(&setup.log_dir)),
        ("${localip}", setup.listen_address.clone()),
        ("${locator}", place.locator.clone()),
        ("${local}", place.local.clone()),
        ("${asyncthread}", descriptor.async_thread_num.to_string()),
        ("${mainclass}", main_class),
        ("${enableset}", "n".to_owned()),
        ("${setdivision}", "NULL".to_owned()),
    ]
    .into_iter()
    .fold(descriptor.profile.clone(), |text, (placeholder, value)| text.replace(placeholder, &value))
}

/// Finds a value of the domain `/tars/application/server` that is not empty.
fn find_value<'a>(config: &'a Config, key: &str) -> Option<&'a str> {
    config.get(&format!("/tars/application/server<{key}>")).filter(|value| !value.is_empty())
}

fn derive_watch(config: &Config, descriptor: &ServerDescriptor) -> Watch {
    let seconds = find_value(config, "hearttimeout").map_or(HEART_TIMEOUT, |text| match text.parse() {
        Ok(seconds) if seconds > 0 => seconds,
        _ => {
            tracing::warn!(
                hearttimeout = text,
                "hearttimeout in the template is not a number of seconds above 0; using {HEART_TIMEOUT}"
            );
            HEART_TIMEOUT
        }
    });
    let adapters = descriptor.adapters.keys().cloned().chain([ADMIN_ADAPTER.to_owned()]).collect();
    Watch { adapters, timeout: Duration::from_secs(seconds) }
}

/// Fills in the placeholders in the arguments of Java servers (docs/reference/tarsnode.md#3.5.10).
fn build_arguments(setup: &Setup, config: &Config) -> String {
    if !setup.server_type.starts_with("java-") {
        return setup.launcher_argv.clone();
    }
    ["jvmparams", "mainclass", "classpath"].into_iter().fold(setup.launcher_argv.clone(), |argv, key| {
        argv.replace(&format!("#{{{key}}}"), find_value(config, key).unwrap_or_default())
    })
}

/// Finds the endpoint of the admin object, which a template may have moved.
fn find_admin_endpoint(place: &Place, config: &Config) -> String {
    find_value(config, "local").unwrap_or(&place.local).to_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use tars::framework::registry::AdapterDescriptor;

    use super::*;
    use crate::identity::LauncherType;

    const PROFILE: &str = "<tars>
  <application>
    enableset=${enableset}
    setdivision=${setdivision}
    <server>
      app=${app}
      server=${server}
      localip=${localip}
      local=${local}
      basepath=${basepath}
      datapath=${datapath}
      logpath=${logpath}
    </server>
    <client>
      locator=${locator}
      modulename=${modulename}
      asyncthread=${asyncthread}
    </client>
  </application>
</tars>
";

    fn setup(server_type: &str) -> Setup {
        Setup {
            pod_name: "test-helloserver-0".into(),
            pod_ip: "10.244.0.9".into(),
            listen_address: "test-helloserver-0.test-helloserver".into(),
            app: "Test".into(),
            server: "HelloServer".into(),
            server_type: server_type.into(),
            bin_dir: "/usr/local/app/tars/tarsnode/data/Test.HelloServer/bin".into(),
            data_dir: "/usr/local/app/tars/tarsnode/data/Test.HelloServer/data".into(),
            log_dir: "/usr/local/app/tars/app_log".into(),
            conf_file: "/unused".into(),
            launcher_file: "/usr/bin/java".into(),
            launcher_argv: "java #{jvmparams} -cp #{classpath} #{mainclass}".into(),
            launcher: LauncherType::Background,
        }
    }

    fn place() -> Place {
        Place {
            bind_host: "test-helloserver-0.test-helloserver".into(),
            local: "tcp -h 127.0.0.1 -p 1000 -t 3000".into(),
            node: "tars.tarsnode.ServerObj@tcp -h 127.0.0.1 -p 19386 -t 60000".into(),
            locator: "tars.tarsregistry.QueryObj@tcp -h tars-tarsregistry -p 17890".into(),
        }
    }

    fn descriptor(profile: &str) -> ServerDescriptor {
        let name = "Test.HelloServer.HelloObjAdapter".to_owned();
        let adapter = AdapterDescriptor {
            adapter_name: name.clone(),
            endpoint: "tcp -h ${localip} -p 9000 -t 60000".into(),
            thread_num: 3,
            max_connections: 10_000,
            allow_ip: String::new(),
            servant: "Test.HelloServer.HelloObj".into(),
            queuecap: 10_000,
            queuetimeout: 60_000,
            protocol: "tars".into(),
        };
        ServerDescriptor { profile: profile.into(), async_thread_num: 3, adapters: BTreeMap::from([(name, adapter)]) }
    }

    #[test]
    fn the_specified_example_is_rendered_to_the_letter() {
        let rendered = render(&setup("cpp"), &place(), &descriptor(PROFILE)).unwrap();
        assert_eq!(
            rendered.text,
            "<tars>
  <application>
    enableset=n
    setdivision=NULL
    <server>
      node=tars.tarsnode.ServerObj@tcp -h 127.0.0.1 -p 19386 -t 60000
      app=Test
      server=HelloServer
      localip=test-helloserver-0.test-helloserver
      local=tcp -h 127.0.0.1 -p 1000 -t 3000
      basepath=/usr/local/app/tars/tarsnode/data/Test.HelloServer/bin/
      datapath=/usr/local/app/tars/tarsnode/data/Test.HelloServer/data/
      logpath=/usr/local/app/tars/app_log/
      <Test.HelloServer.HelloObjAdapter>
        allow
        endpoint=tcp -h test-helloserver-0.test-helloserver -p 9000 -t 60000
        maxconns=10000
        protocol=tars
        queuecap=10000
        queuetimeout=60000
        servant=Test.HelloServer.HelloObj
        threads=3
      </Test.HelloServer.HelloObjAdapter>
    </server>
    <client>
      locator=tars.tarsregistry.QueryObj@tcp -h tars-tarsregistry -p 17890
      modulename=Test.HelloServer
      asyncthread=3
    </client>
  </application>
</tars>
"
        );
        assert_eq!(rendered.watch.adapters, ["Test.HelloServer.HelloObjAdapter", "AdminAdapter"]);
        assert_eq!(rendered.watch.timeout, Duration::from_mins(1));
        assert_eq!(rendered.admin, "tcp -h 127.0.0.1 -p 1000 -t 3000");
    }

    #[test]
    fn the_profile_wins_over_what_was_generated() {
        let profile = "<tars><ignored rest of line\n<application>\n<server>\nnode=elsewhere\nhearttimeout=5\nlocal=tcp -h 127.0.0.1 -p 9 -t 1
<Test.HelloServer.HelloObjAdapter>\nthreads=16\n</Test.HelloServer.HelloObjAdapter>\n</server>\n</application>\n</tars>";
        let rendered = render(&setup("cpp"), &place(), &descriptor(profile)).unwrap();
        assert!(rendered.text.contains("node=elsewhere") && rendered.text.contains("threads=16"), "{}", rendered.text);
        assert!(!rendered.text.contains("threads=3"), "{}", rendered.text);
        assert_eq!(rendered.watch.timeout, Duration::from_secs(5));
        assert_eq!(rendered.admin, "tcp -h 127.0.0.1 -p 9 -t 1");
        assert_eq!(read_watch(&rendered.text).unwrap().timeout, Duration::from_secs(5));
    }

    #[test]
    fn a_heart_timeout_that_is_no_number_falls_back_to_a_minute() {
        for text in ["", "0", "-3", "soon"] {
            let profile = format!("<tars>\n<application>\n<server>\nhearttimeout={text}\n</server>\n</application>\n</tars>");
            let rendered = render(&setup("cpp"), &place(), &descriptor(&profile)).unwrap();
            assert_eq!(rendered.watch.timeout, Duration::from_mins(1), "{text}");
        }
    }

    #[test]
    fn java_arguments_come_from_the_configuration() {
        let profile =
            "<tars>\n<application>\n<server>\nmainclass=${mainclass}\njvmparams=-Xms1m -Dx\\=y\nclasspath=${basepath}conf
</server>\n</application>\n</tars>";
        let argv = |kind| render(&setup(kind), &place(), &descriptor(profile)).unwrap().argv;
        let base = "/usr/local/app/tars/tarsnode/data/Test.HelloServer/bin/";
        assert_eq!(argv("java-war"), format!("java -Xms1m -Dx=y -cp {base}conf com.qq.test.helloserver.HelloServer"));
        assert_eq!(argv("go"), "java #{jvmparams} -cp #{classpath} #{mainclass}");
    }

    #[test]
    fn a_broken_profile_is_an_alarm_that_says_what_to_fix() {
        let problem = render(&setup("cpp"), &place(), &descriptor("<tars>\n")).unwrap_err().to_string();
        assert!(problem.starts_with("[alarm] parser profile catch exception: "), "{problem}");
        assert!(problem.ends_with("fix the profile of the TServer or its template"), "{problem}");
    }

    #[test]
    fn an_adapter_with_an_impossible_name_fails_the_rendering() {
        let mut descriptor = descriptor(PROFILE);
        let adapter = descriptor.adapters.pop_first().unwrap().1;
        descriptor.adapters.insert("a>b".into(), adapter);
        assert!(render(&setup("cpp"), &place(), &descriptor).is_err());
    }
}
