const { green } = require("picocolors")

console.log(green("installed, and vouched for"))
