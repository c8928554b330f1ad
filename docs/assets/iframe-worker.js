// A Worker for pages opened from disk, where browsers refuse real ones: the script runs in a hidden
// frame, and messages go to and fro as a worker's do. Used by the site's search alone.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super()
      const frame = document.createElement("iframe")
      frame.hidden = true
      document.body.append(frame)
      const inner = frame.contentWindow
      const waiting = []
      let ready = false
      this.postMessage = (data) => {
        if (ready) inner.dispatchEvent(new inner.MessageEvent("message", { data }))
        else waiting.push(data)
      }
      this.terminate = () => frame.remove()
      inner.postMessage = (data) =>
        setTimeout(() => this.dispatchEvent(new MessageEvent("message", { data })))
      const script = inner.document.createElement("script")
      script.src = url
      script.onload = () => {
        ready = true
        waiting.splice(0).forEach(this.postMessage)
      }
      inner.document.body.append(script)
    }
  }
}
