//! LocalStack without containers: SNS and SQS, and of what deploys and watches them what runs in its own process.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::ensure;

use super::ask;
use super::server::Server;
use super::tools::Tools;

/// All of it, down to the last package: unpinned, its newest dependencies do not go with it.
const LOCK: &str = include_str!("../../servers/sns-sqs/requirements.txt");

/// What it is asked for by name at its start.
const SERVICES: &str = "sns,sqs,cloudformation,iam,cloudwatch,logs,sts";

#[derive(Debug)]
pub(crate) struct SnsSqs;

impl Server for SnsSqs {
    fn name(&self) -> &'static str {
        "sns-sqs"
    }

    fn ports(&self) -> usize {
        1
    }

    fn install(&self, tools: &Tools) -> anyhow::Result<()> {
        tools.python_environment("localstack", LOCK).map(drop)
    }

    fn commands(&self, tools: &Tools, folder: &Path, ports: &[u16]) -> anyhow::Result<Vec<Command>> {
        let python = tools.folder("localstack").join("environment/bin/python");
        let mut localstack = Command::new(python);
        localstack.args(["-m", "localstack.runtime.main"]).current_dir(folder);
        localstack.env("GATEWAY_LISTEN", format!("127.0.0.1:{}", ports[0]));
        localstack.env("SERVICES", SERVICES);
        // Nothing of it leaves this machine, and none of it lies outside of its folder.
        for (name, value) in [
            ("DISABLE_EVENTS", "1"),
            ("SKIP_SSL_CERT_DOWNLOAD", "1"),
            ("DNS_ADDRESS", "0"),
            ("EAGER_SERVICE_LOADING", "1"),
            ("LOCALSTACK_HOST", &format!("127.0.0.1:{}", ports[0])),
            ("FILESYSTEM_ROOT", &folder.join("root").display().to_string()),
        ] {
            localstack.env(name, value);
        }
        Ok(vec![localstack])
    }

    fn ready(&self, ports: &[u16]) -> anyhow::Result<()> {
        let health = ask::get(ports[0], "/_localstack/health")?;
        for service in ["sns", "sqs"] {
            ensure!(
                health.contains(&format!("\"{service}\": \"running\"")),
                "{service} does not run: {health}"
            );
        }
        Ok(())
    }

    fn variables(&self, _tools: &Tools, ports: &[u16]) -> Vec<(&'static str, String)> {
        vec![("SHOPFRONT_TEST_SNS_SQS", format!("http://127.0.0.1:{}", ports[0]))]
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(120)
    }
}
