-- wrk: list pages, each as often as its rank was asked for (loadtest/k6/popularity.csv).

local steps, requests, pages = {}, 0, {}

function init(arguments)
   for path in io.lines(arguments[1]) do pages[#pages + 1] = wrk.format("GET", path) end
   for first, last, each in io.open(arguments[2]):read("*a"):gmatch("(%d+),(%d+),(%d+)") do
      first, last, each = tonumber(first), math.min(tonumber(last), #pages), tonumber(each)
      for rank = first, last do
         requests = requests + each
         steps[#steps + 1] = requests
      end
   end
   math.randomseed(1)
end

function request()
   local drawn, low, high = math.random(requests), 1, #steps
   while low < high do
      local middle = math.floor((low + high) / 2)
      if steps[middle] >= drawn then high = middle else low = middle + 1 end
   end
   return pages[low]
end

function done(summary)
   local errors = summary.errors
   local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
   io.write(string.format("seen %d failed %d\n", summary.requests, failed))
end
