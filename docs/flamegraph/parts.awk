# Folded stacks (`frame;frame;... weight`) -> the share and the µs of each part, in the order of the road.
# A frame of the kernel goes to its system call; any other to the part of the innermost frame that belongs to one, so that
# copying, allocating and hashing are counted where they are asked for.

function part(name, pattern) { names[++parts] = name; patterns[parts] = pattern }

BEGIN {
    part("kernel: send", "^(do_writev|__x64_sys_(writev|sendto|sendmsg))$")
    part("kernel: receive", "^__x64_sys_(recvfrom|recvmsg|read|readv)$")
    part("kernel: wait and wake", "^__x64_sys_(epoll_wait|epoll_pwait|futex|write|eventfd2|sched_yield)$|^do_epoll_wait$")
    part("kernel: rest", "^(entry_SYSCALL_64|asm_|do_syscall_64)")
    kernel = parts
    part("hyper: read and parse", "httparse|h1::conn::Conn<.*>::poll_read_head|h1::io::Buffered<.*>::(parse|poll_read)|h1::role::Server as .*::parse")
    part("route", "query_server::route|http::uri|h3o|percent_encoding|shop_search::cursor")
    part("search", "shop_search::")
    part("near cache: page check, gather", "near_cache|slice::iter::Iter<T> as core::iter::traits::iterator::Iterator>::all|query_server::(gather|flights)|papaya")
    part("kept pages", "query_server::pages")
    part("overlay", "query_server::overlay|shop_document::|jiff")
    part("render", "query_server::page::|query_server::validator|xxhash")
    part("respond: headers, lifetime, tags", "query_server::(respond|lifetime|standing)|http::header")
    part("metrics", "query_server::metrics|prometheus")
    part("front, door: the way between", "query_server::|HttpService<.*>::call")
    part("hyper: encode and write", "hyper::")
    part("tokio, connection tasks", "tokio|poll_fn|start_thread|mio::")
}

function part_of(from, to, lowest,   frame, number) {
    for (frame = from; frame >= 1; frame--)
        for (number = lowest; number <= to; number++)
            if (frames[frame] ~ patterns[number]) return number
    return 0
}

{
    weight = $NF
    sub(/ [0-9]+$/, "")
    depth = split($0, frames, ";")
    all += weight
    # In the kernel the call says more than what it ends in (a lock, a copy, an interrupt): look for calls first.
    found = part_of(depth, kernel - 1, 1)
    if (!found) found = part_of(depth, kernel, kernel)
    if (!found) found = part_of(depth, parts, kernel + 1)
    spent[found] += weight
}

END {
    printf "%s: %.2f µs of CPU per request\n\n%-36s%8s%10s\n", title, micros, "part", "share", "µs"
    for (number = 1; number <= parts; number++)
        if (spent[number]) printf "%-36s%7.1f %%%9.2f\n", names[number], 100 * spent[number] / all, micros * spent[number] / all
    if (spent[0]) printf "%-36s%7.1f %%%9.2f\n", "elsewhere", 100 * spent[0] / all, micros * spent[0] / all
}
