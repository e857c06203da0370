# Ends the servers of one process when that process is gone, however it went.
#
# Reads lines from a pipe whose other end only that process holds:
#   process PID SIGNAL   end this process with the signal
#   forget PID           it has been ended already
#   data PATH            kill whoever works in this folder: servers that others have started
#   folder PATH          remove this folder
# At the end of the pipe it signals what is left, waits, kills what still lives, and removes the
# folders.
trap '' HUP INT QUIT TERM
processes=''
data=''
folders=''
newline='
'
while read -r verb first second; do
    case "$verb" in
    process) processes="$processes $first:$second" ;;
    data) data="$data$first${second:+ $second}$newline" ;;
    folder) folders="$folders$first${second:+ $second}$newline" ;;
    forget)
        kept=''
        for entry in $processes; do
            [ "${entry%%:*}" = "$first" ] || kept="$kept $entry"
        done
        processes="$kept"
        ;;
    esac
done
for entry in $processes; do
    kill -s "${entry#*:}" "${entry%%:*}" 2>/dev/null
done
for entry in $processes; do
    steps=0
    while kill -0 "${entry%%:*}" 2>/dev/null && [ "$steps" -lt 50 ]; do
        sleep 0.1
        steps=$((steps + 1))
    done
    kill -s KILL -- "-${entry%%:*}" 2>/dev/null
done
IFS="$newline"
for place in $data; do
    for process in /proc/[0-9]*; do
        if [ "$(readlink "$process/cwd")" = "$place" ]; then
            kill -s KILL "${process#/proc/}" 2>/dev/null
        fi
    done
done
for folder in $folders; do
    rm -rf -- "$folder"
done
