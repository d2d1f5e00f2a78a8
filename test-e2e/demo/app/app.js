// A small server that answers one request and ends: shows that what was installed works.
const express = require("express")

const server = express().get("/", (request, response) => response.send("hello from express")).listen(0, "127.0.0.1", async () => {
  const answer = await fetch(`http://127.0.0.1:${server.address().port}/`)
  console.log(await answer.text())
  server.close()
})
