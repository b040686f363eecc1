# `figures` (name value) and `cpu` (seconds, name, ticks) -> who used the CPU, and what therefore limited the result.

FILENAME ~ /figures$/ { figure[$1] = $2; next }

{
    if (!($2 in first)) { first[$2] = $3; since[$2] = $1; names[++count] = $2 }
    else if ($1 > at[$2]) {
        rate = ($3 - last[$2]) / ticks / ($1 - at[$2])
        if (rate > most[$2]) most[$2] = rate
    }
    at[$2] = $1
    last[$2] = $3
}

function mean(name) { return at[name] > since[name] ? (last[name] - first[name]) / ticks / (at[name] - since[name]) : 0 }

END {
    printf "%-16s%12s%18s   (of %d cores)\n", "CPU", "cores, mean", "busiest second", cores
    others = mean("machine")
    for (i = 1; i <= count; i++) {
        name = names[i]
        printf "%-16s%12.2f%18.2f\n", name, mean(name), most[name]
        if (name != "machine" && name != "stolen") others -= mean(name)
    }
    printf "%-16s%12.2f\n", "others", others
    server = "query-server"
    if (server in first && figure["requests"] > 0)
        printf "%s: %.0f µs of CPU per request, all kinds together\n", server, (last[server] - first[server]) / ticks * 1e6 / figure["requests"]
    printf "k6 itself took %.0f %% of the machine in its busiest second; %d of %d planned visits were dropped\n\n", 100 * most["k6"] / cores, figure["dropped"], figure["planned"]

    isFull = most["machine"] + most["stolen"] >= 0.9 * cores
    if (figure["dropped"] == 0)
        print "Not limited by the generator: every visit began when it was planned."
    else if (figure["dropped"] <= 0.01 * figure["planned"])
        print "Hardly limited by the generator: all but a few visits began when they were planned."
    else if (isFull && (!(server in first) || most["k6"] > most[server]))
        print "GENERATOR-BOUND: the machine was full and k6 used most of it. What was dropped says nothing about the server;\ngive k6 a machine of its own, or lower --base-rate."
    else if (isFull)
        print "Bound by the shared machine: it was full, and the server used more of it than k6. With cores of its own it does better."
    else
        print "Bound by waiting: CPU was left, yet all phones waited for answers. Look at the server: queues, timeouts, locks."
    if (isFull) print "The machine was full at times: what requests took contains waiting for a core that k6 or others held."
    if (others > 0.3 * cores) print "Other programs used much of it: run again on a quiet machine before believing any time."
}
