//! Elasticsearch, put together from its published jars: the search engine itself, without security, sandbox and the modules
//! that are not published. A plugin of our own gives what shops need of those, the Korean analyzer.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context as _;

use super::ask;
use super::server::Server;
use super::tools::{Tools, jars_in, quiet};

const POM: &str = include_str!("../../servers/elasticsearch/pom.xml");
const SUMS: &str = include_str!("../../servers/elasticsearch/jars.sha256");
const MAIN: &str = include_str!("../../servers/elasticsearch/Main.java");
const PLUGIN: &str = include_str!("../../servers/elasticsearch/ShopfrontPlugin.java");
const DESCRIPTOR: &str = include_str!("../../servers/elasticsearch/plugin-descriptor.properties");
const SETTINGS: &str = include_str!("../../servers/elasticsearch/elasticsearch.yml");
const LOGGING: &str = include_str!("../../servers/elasticsearch/log4j2.properties");

/// Speaks HTTP; it is loaded as a module of the server, apart from its other jars.
const TRANSPORT: &str = "transport-netty4-9.5.3.jar";

/// Where the transport's jar says that it is a module.
const TRANSPORT_DESCRIPTORS: &str = "META-INF/es-plugins/transport-netty4/";

/// The sandbox, which is off. Its descriptor demands parts of a Java kit that no runtime has and that only a running sandbox
/// uses; without the descriptor it is a module that demands nothing, of the name that its file has.
const SANDBOX: (&str, &str) = ("elasticsearch-entitlement-9.5.3.jar", "org.elasticsearch.entitlement.jar");

#[derive(Debug)]
pub(crate) struct Elasticsearch;

impl Server for Elasticsearch {
    fn name(&self) -> &'static str {
        "elasticsearch"
    }

    /// For clients, then for other nodes, of which there are none.
    fn ports(&self) -> usize {
        2
    }

    fn install(&self, tools: &Tools) -> anyhow::Result<()> {
        let jars = tools.jars("elasticsearch-jars", POM, SUMS)?;
        let recipe = [SUMS, MAIN, PLUGIN, DESCRIPTOR].concat();
        tools.made("elasticsearch", &recipe, |home| assembled(tools, &jars, home))?;
        Ok(())
    }

    fn commands(&self, tools: &Tools, folder: &Path, ports: &[u16]) -> anyhow::Result<Vec<Command>> {
        let home = tools.folder("elasticsearch");
        let own = folder.join("home");
        std::fs::create_dir_all(own.join("config"))?;
        for part in ["lib", "modules", "plugins"] {
            std::os::unix::fs::symlink(home.join(part), own.join(part))?;
        }
        std::fs::write(own.join("config/log4j2.properties"), LOGGING)?;
        let ports = format!("http.port: {}\ntransport.port: {}\n", ports[0], ports[1]);
        std::fs::write(own.join("config/elasticsearch.yml"), format!("{SETTINGS}{ports}"))?;
        Ok(vec![command(tools, &home, &own)?])
    }

    fn ready(&self, ports: &[u16]) -> anyhow::Result<()> {
        ask::get(ports[0], "/_cluster/health?wait_for_status=yellow&timeout=1s").map(drop)
    }

    fn variables(&self, _tools: &Tools, ports: &[u16]) -> Vec<(&'static str, String)> {
        vec![("SHOPFRONT_TEST_ELASTICSEARCH", format!("http://127.0.0.1:{}", ports[0]))]
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(180)
    }
}

fn command(tools: &Tools, home: &Path, own: &Path) -> anyhow::Result<Command> {
    let native = home.join("native");
    let mut java = tools.java("640m")?;
    java.arg("--module-path").arg(home.join("lib"));
    java.args(["--add-modules", "ALL-MODULE-PATH,jdk.net,jdk.management,java.management"]);
    java.arg("--enable-native-access=org.elasticsearch.nativeaccess,org.apache.lucene.core,ALL-UNNAMED");
    for (name, value) in [
        ("es.path.home", own),
        ("es.path.conf", &own.join("config")),
        ("es.nativelibs.path", &native),
        ("java.library.path", &native),
        ("es.logs.base_path", own),
    ] {
        java.arg(format!("-D{name}={}", value.display()));
    }
    java.args([
        "-Des.logs.cluster_name=shopfront",
        // Its library of vector arithmetic is not published; shops are found by words.
        "-Dorg.elasticsearch.nativeaccess.enableVectorLibrary=false",
        "-Dlog4j2.disable.jmx=true",
    ]);
    java.arg("-cp").arg(home.join("classes")).arg("Main").arg(own).current_dir(own);
    Ok(java)
}

/// The folders of a distribution: the server's jars, the transport as its module, our plugin, its one native library.
fn assembled(tools: &Tools, jars: &Path, home: &Path) -> anyhow::Result<()> {
    let (lib, plugin) = (home.join("lib"), home.join("plugins/shopfront"));
    let transport = home.join("modules/transport-netty4");
    for folder in [&lib, &plugin, &transport] {
        std::fs::create_dir_all(folder)?;
    }
    for jar in jars_in(jars)? {
        let name = jar.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let of_transport = ["netty-", "transport-netty4", "elasticsearch-ssl-config"];
        let into = if of_transport.iter().any(|start| name.starts_with(start)) {
            &transport
        } else if name.starts_with("lucene-analysis-nori") {
            &plugin
        } else {
            &lib
        };
        std::fs::copy(&jar, into.join(name))?;
    }
    let of_transport = home.join("transport");
    unzipped(&jars.join(TRANSPORT), &of_transport)?;
    for entry in std::fs::read_dir(of_transport.join(TRANSPORT_DESCRIPTORS))? {
        let entry = entry?;
        std::fs::copy(entry.path(), transport.join(entry.file_name()))?;
    }
    let of_sandbox = home.join("sandbox");
    unzipped(&jars.join(SANDBOX.0), &of_sandbox)?;
    std::fs::remove_file(of_sandbox.join("module-info.class"))?;
    zipped(&of_sandbox, &lib.join(SANDBOX.1))?;
    std::fs::remove_file(lib.join(SANDBOX.0))?;

    let compiled = |name: &str, text: &str, classes: &str| -> anyhow::Result<()> {
        std::fs::write(home.join(name), text)?;
        tools.compiled(&home.join(name), jars, &home.join(classes))
    };
    compiled("Main.java", MAIN, "classes")?;
    compiled("ShopfrontPlugin.java", PLUGIN, "plugin-classes")?;
    zipped(&home.join("plugin-classes"), &plugin.join("shopfront.jar"))?;
    std::fs::write(plugin.join("plugin-descriptor.properties"), DESCRIPTOR)?;
    std::fs::create_dir_all(home.join("native"))?;
    std::fs::copy(libzstd()?, home.join("native/libzstd.so"))?;
    Ok(())
}

/// A jar is a zip; the runtime brings no `jar`, but Python is there, since pip brought the runtime.
fn zipped(folder: &Path, jar: &Path) -> anyhow::Result<()> {
    let names = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name()));
    let names = names.collect::<std::io::Result<Vec<_>>>()?;
    let mut zip = Command::new("python3");
    zip.args(["-m", "zipfile", "-c"]).arg(jar).args(names).current_dir(folder);
    quiet(&mut zip).map(drop)
}

fn unzipped(jar: &Path, into: &Path) -> anyhow::Result<()> {
    quiet(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(jar).arg(into)).map(drop)
}

/// The system's, which dpkg itself needs.
fn libzstd() -> anyhow::Result<PathBuf> {
    let known = quiet(Command::new("/sbin/ldconfig").arg("-p"))?;
    let line = known.lines().find(|line| line.trim_start().starts_with("libzstd.so.1 "));
    let path = line.and_then(|line| line.rsplit_once("=> ")).map(|(_, path)| PathBuf::from(path));
    path.context("Elasticsearch needs libzstd.so.1; install it (Debian: libzstd1)")
}
