import org.codelibs.opensearch.runner.OpenSearchRunner;

/** One OpenSearch node on loopback, with the official Korean analyzer. */
public final class Main {
    public static void main(String[] arguments) throws Exception {
        String folder = arguments[0];
        String http = arguments[1];
        String transport = arguments[2];
        var runner = new OpenSearchRunner();
        runner.onBuild((number, settings) -> {
            settings.put("network.host", "127.0.0.1");
            settings.put("discovery.type", "single-node");
            settings.putList("discovery.seed_hosts");
            // The runner looks for a port in a short range; these are known to be free.
            settings.put("http.port", http);
            settings.put("transport.port", transport);
            // A disk that others filled is no reason to refuse a test's index.
            settings.put("cluster.routing.allocation.disk.threshold_enabled", false);
        }).build(OpenSearchRunner.newConfigs()
                .numOfNode(1)
                .clusterName("shopfront")
                .basePath(folder)
                .useLogger()
                // Not the analyzers of all languages: that of Thai needs a larger Java runtime than the one that every machine gets.
                .moduleTypes("org.opensearch.geo.GeoModulePlugin,"
                        + "org.opensearch.index.mapper.MapperExtrasModulePlugin,"
                        + "org.opensearch.transport.Netty4ModulePlugin")
                .pluginTypes("org.opensearch.plugin.analysis.nori.AnalysisNoriPlugin"));
        Thread.currentThread().join();
    }
}
