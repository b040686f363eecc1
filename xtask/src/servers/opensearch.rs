//! OpenSearch with the official Korean analyzer: the other vendor's word on what our queries mean.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::ask;
use super::server::Server;
use super::tools::Tools;

const POM: &str = include_str!("../../servers/opensearch/pom.xml");
const SUMS: &str = include_str!("../../servers/opensearch/jars.sha256");
const MAIN: &str = include_str!("../../servers/opensearch/Main.java");

#[derive(Debug)]
pub(crate) struct OpenSearch;

impl Server for OpenSearch {
    fn name(&self) -> &'static str {
        "opensearch"
    }

    /// For clients, then for other nodes, of which there are none.
    fn ports(&self) -> usize {
        2
    }

    fn install(&self, tools: &Tools) -> anyhow::Result<()> {
        let lib = tools.jars("opensearch-jars", POM, SUMS)?;
        tools.made("opensearch", &format!("{MAIN}{SUMS}"), |folder| {
            let source = folder.join("Main.java");
            std::fs::write(&source, MAIN)?;
            tools.compiled(&source, &lib, &folder.join("classes"))
        })?;
        Ok(())
    }

    fn commands(&self, tools: &Tools, folder: &Path, ports: &[u16]) -> anyhow::Result<Vec<Command>> {
        let lib = tools.folder("opensearch-jars").join("lib");
        let classes = tools.folder("opensearch").join("classes");
        let mut java = tools.java("640m")?;
        java.args(["--enable-native-access=ALL-UNNAMED", "-Dlog4j2.disable.jmx=true"]);
        java.arg("-cp").arg(format!("{}:{}/*", classes.display(), lib.display()));
        java.arg("Main").arg(folder).args(ports.iter().map(u16::to_string)).current_dir(folder);
        Ok(vec![java])
    }

    fn ready(&self, ports: &[u16]) -> anyhow::Result<()> {
        ask::get(ports[0], "/_cluster/health?wait_for_status=yellow&timeout=1s").map(drop)
    }

    fn variables(&self, _tools: &Tools, ports: &[u16]) -> Vec<(&'static str, String)> {
        vec![("SHOPFRONT_TEST_OPENSEARCH", format!("http://127.0.0.1:{}", ports[0]))]
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(180)
    }
}
